export const TCP = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

/** Options of a TCP header by kind. */
export const OPTION = { end: 0, nop: 1, mss: 2, wscale: 3, sack: 4, timestamp: 8 } as const;

/** A TCP segment that has arrived. One object is used for all of them. */
export class Segment {
  /** Where it came from: addresses and the sender's hardware address. */
  src = 0;
  mac = 0;
  sport = 0;
  dport = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  window = 0;
  /** Options; undefined if absent. */
  mss: number | undefined;
  windowScale: number | undefined;
  sackPermitted = false;
  timestamp: number | undefined;
  payload: Uint8Array = new Uint8Array(0);

  /** Sequence numbers it takes: its data, and one each for SYN and FIN. */
  get span(): number {
    return this.payload.length + (this.has(TCP.syn) ? 1 : 0) + (this.has(TCP.fin) ? 1 : 0);
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Reads a TCP segment of [at, end). False if its lengths cannot be. */
  read(bytes: Uint8Array, view: DataView, at: number, end: number): boolean {
    if (end - at < 20) return false;
    const header = (view.getUint8(at + 12) >> 4) * 4;
    if (header < 20 || header > end - at) return false;
    this.sport = view.getUint16(at);
    this.dport = view.getUint16(at + 2);
    this.seq = view.getUint32(at + 4);
    this.ack = view.getUint32(at + 8);
    this.flags = view.getUint8(at + 13);
    this.window = view.getUint16(at + 14);
    this.mss = this.windowScale = this.timestamp = undefined;
    this.sackPermitted = false;
    this.readOptions(view, at + 20, at + header);
    this.payload = bytes.subarray(at + header, end);
    return true;
  }

  /** Options that are cut off or have a wrong length end the list: what came before them counts. */
  private readOptions(view: DataView, at: number, end: number): void {
    while (at < end) {
      const kind = view.getUint8(at);
      if (kind === OPTION.end) return;
      if (kind === OPTION.nop) {
        at++;
        continue;
      }
      const length = at + 1 < end ? view.getUint8(at + 1) : 0;
      if (length < 2 || at + length > end) return;
      if (kind === OPTION.mss && length === 4) this.mss = view.getUint16(at + 2);
      // RFC 7323 2.3: a shift above 14 counts as 14.
      else if (kind === OPTION.wscale && length === 3) this.windowScale = Math.min(14, view.getUint8(at + 2));
      else if (kind === OPTION.sack && length === 2) this.sackPermitted = true;
      else if (kind === OPTION.timestamp && length === 10) this.timestamp = view.getUint32(at + 2);
      at += length;
    }
  }
}
