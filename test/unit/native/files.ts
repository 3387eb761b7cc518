/** Capture files built by hand, in either byte order. */

export interface Record {
  frame: Uint8Array;
  sec?: number;
  fraction?: number;
  captured?: number;
  original?: number;
}

export interface PcapOptions {
  big?: boolean;
  nano?: boolean;
  linkType?: number;
  snapLength?: number;
}

export function pcap(
  records: Record[],
  { big = false, nano = false, linkType = 101, snapLength = 65535 }: PcapOptions = {},
) {
  const { u16, u32 } = numbers(big);
  return Buffer.concat([
    u32(nano ? 0xa1b23c4d : 0xa1b2c3d4),
    u16(2, 4),
    u32(0, 0, snapLength, linkType),
    ...records.flatMap(({ frame, sec = 0, fraction = 0, captured = frame.length, original = captured }) => [
      u32(sec, fraction, captured, original),
      frame,
    ]),
  ]);
}

/** Writers of numbers in one byte order. */
function numbers(big: boolean) {
  const write = (bytes: number, set: (view: DataView, at: number, i: number) => void, count: number) => {
    const view = new DataView(new ArrayBuffer(bytes * count));
    for (let i = 0; i < count; i++) set(view, bytes * i, i);
    return Buffer.from(view.buffer);
  };
  return {
    u16: (...values: number[]) => write(2, (view, at, i) => view.setUint16(at, values[i]!, !big), values.length),
    u32: (...values: number[]) => write(4, (view, at, i) => view.setUint32(at, values[i]!, !big), values.length),
    i64: (value: bigint) => write(8, (view, at) => view.setBigInt64(at, value, !big), 1),
  };
}

const padding = (bytes: Uint8Array) => Buffer.alloc(-bytes.length & 3);

/** The blocks of a pcapng file. */
export function pcapng(big = false) {
  const { u16, u32, i64 } = numbers(big);
  const block = (type: number, ...parts: Uint8Array[]): Buffer => {
    const body = Buffer.concat(parts);
    const length = 12 + body.length + padding(body).length;
    return Buffer.concat([u32(type, length), body, padding(body), u32(length)]);
  };
  const option = (code: number, value: Uint8Array) => Buffer.concat([u16(code, value.length), value, padding(value)]);
  return {
    block,
    option,
    i64,
    section: (major = 1) => block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(major, 0), i64(-1n)),
    describe: (linkType: number, { snapLength = 0, options = [] as Uint8Array[] } = {}) =>
      block(1, u16(linkType, 0), u32(snapLength), ...options, ...(options.length > 0 ? [u16(0, 0)] : [])),
    enhanced: (frame: Uint8Array, { on = 0, units = 0n, captured = frame.length } = {}) =>
      block(
        6,
        u32(on, Number(units >> 32n), Number(units & 0xffffffffn), captured, captured),
        frame,
        padding(frame),
        option(1, Buffer.from('comment')),
        u16(0, 0),
      ),
    simple: (frame: Uint8Array, original = frame.length) => block(3, u32(original), frame),
    obsolete: (frame: Uint8Array, on = 0) => block(2, u16(on, 0), u32(0, 7, frame.length, frame.length), frame),
  };
}
