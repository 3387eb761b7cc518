import type { Packets } from '../packets.js';
import type { Stream } from './stream.js';

const TCP_HEADER = 20;
/** TCP options (RFC 9293 3.1, RFC 2018 3). */
const OPTION = { end: 0, nop: 1, sack: 5 } as const;

/**
 * Maps the blocks of selective acknowledgements (RFC 2018, RFC 2883), which speak of a stream's output, to what its sender
 * knows. A block that holds nothing whole is taken out.
 */
export function mapSack(packets: Packets, row: number, stream: Stream): void {
  const { view, bytes } = packets;
  const start = packets.start[row]!;
  const end = start + packets.payload[row]!;
  for (let at = start + packets.ipHeader[row]! + TCP_HEADER; at + 1 < end; ) {
    const kind = bytes[at]!;
    if (kind === OPTION.end) return;
    const length = kind === OPTION.nop ? 1 : bytes[at + 1]!;
    if (length === 0 || at + length > end) return;
    if (kind === OPTION.sack) {
      let kept = 2;
      for (let block = 2; block + 8 <= length; block += 8) {
        const [left, right] = [view.getUint32(at + block), view.getUint32(at + block + 4)];
        const [from, to] = [stream.acknowledged(left), stream.acknowledged(right)];
        if (from < stream.acked || to > stream.sent) continue;
        const [first, last] = [stream.inputBefore(from, true), stream.inputBefore(to, false)];
        if (last <= first) continue;
        view.setUint32(at + kept, stream.sequenceAt(first));
        view.setUint32(at + kept + 4, stream.sequenceAt(last));
        kept += 8;
      }
      bytes[at + 1] = kept;
      if (kept === 2) kept = 0;
      bytes.fill(OPTION.nop, at + kept, at + length);
    }
    at += length;
  }
}
