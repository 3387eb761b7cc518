/** Names and widths of the fields of a record, in the order in which they lie in memory. */
export type Layout = Readonly<Record<string, 'u8' | 'u16' | 'u32' | 'u48' | 'f64'>>;

export type Fields<L extends Layout> = { -readonly [K in keyof L]: number };

export interface RecordClass<L extends Layout> {
  /** Bytes of a record. */
  readonly size: number;
  /** A record at an offset of a view. Numbers wrap to the width of their field. */
  new (view: DataView, at: number): Fields<L>;
}

/** 48 bits, such as a hardware address. */
export function getUint48(view: DataView, at: number): number {
  return view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
}

export function setUint48(view: DataView, at: number, value: number): void {
  view.setUint16(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 2, value);
}

interface Type {
  readonly width: number;
  get(view: DataView, at: number): number;
  set(view: DataView, at: number, value: number): void;
}

const TYPES: Record<Layout[string], Type> = {
  u8: { width: 1, get: (view, at) => view.getUint8(at), set: (view, at, value) => view.setUint8(at, value) },
  u16: { width: 2, get: (view, at) => view.getUint16(at), set: (view, at, value) => view.setUint16(at, value) },
  u32: { width: 4, get: (view, at) => view.getUint32(at), set: (view, at, value) => view.setUint32(at, value) },
  u48: { width: 6, get: getUint48, set: setUint48 },
  f64: { width: 8, get: (view, at) => view.getFloat64(at), set: (view, at, value) => view.setFloat64(at, value) },
};

/** Makes a class whose instances are windows on records with this layout. */
export function record<L extends Layout>(layout: L): RecordClass<L> {
  class Window {
    readonly view: DataView;
    readonly at: number;
    static size = 0;

    constructor(view: DataView, at: number) {
      this.view = view;
      this.at = at;
    }
  }
  for (const [name, type] of Object.entries(layout)) {
    const offset = Window.size;
    const { width, get, set } = TYPES[type];
    Object.defineProperty(Window.prototype, name, {
      get(this: Window) {
        return get(this.view, this.at + offset);
      },
      set(this: Window, value: number) {
        set(this.view, this.at + offset, value);
      },
    });
    Window.size += width;
  }
  return Window as unknown as RecordClass<L>;
}
