/** Bytes before each frame: the clone's id and the length. */
const HEAD = 8;
/** In place of a length: the rest up to the end of the ring is unused. */
const SKIP = 0xffffffff;

/** Frames that clones have sent and nobody has collected yet, in a ring of bytes. */
export class FrameRing {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private head = 0;
  private tail = 0;
  private used = 0;
  count = 0;
  /** Frames lost because the ring was full. */
  dropped = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity & ~7);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Copies a frame into the ring. False, and counted, if there is no room. */
  push(clone: number, frame: Uint8Array, length: number): boolean {
    const need = HEAD + ((length + 7) & ~7);
    const rest = this.bytes.length - this.tail;
    const skip = rest < need ? rest : 0;
    if (this.used + skip + need > this.bytes.length) {
      this.dropped++;
      return false;
    }
    if (skip > 0) {
      this.view.setUint32(this.tail + 4, SKIP);
      this.tail = 0;
    }
    this.view.setUint32(this.tail, clone);
    this.view.setUint32(this.tail + 4, length);
    this.bytes.set(frame.subarray(0, length), this.tail + HEAD);
    this.tail = (this.tail + need) % this.bytes.length;
    this.used += skip + need;
    this.count++;
    return true;
  }

  /** Takes the oldest frame out. The view is good until the next push. Undefined if there is none. */
  shift(): { clone: number; frame: Uint8Array } | undefined {
    if (this.count === 0) return undefined;
    if (this.view.getUint32(this.head + 4) === SKIP) {
      this.used -= this.bytes.length - this.head;
      this.head = 0;
    }
    const length = this.view.getUint32(this.head + 4);
    const from = this.head + HEAD;
    const taken = { clone: this.view.getUint32(this.head), frame: this.bytes.subarray(from, from + length) };
    const need = HEAD + ((length + 7) & ~7);
    this.head = (this.head + need) % this.bytes.length;
    this.used -= need;
    this.count--;
    // An empty ring starts over, so that a frame of any length that fits at all fits.
    if (this.count === 0) this.head = this.tail = this.used = 0;
    return taken;
  }

  /** Where the ring ends now, for undo(). */
  mark(): { readonly tail: number; readonly used: number; readonly count: number } {
    return { tail: this.tail, used: this.used, count: this.count };
  }

  /** Takes back what was pushed since the mark. Nothing may have been shifted meanwhile. */
  undo(mark: { readonly tail: number; readonly used: number; readonly count: number }): void {
    Object.assign(this, mark);
  }
}
