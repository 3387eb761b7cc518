import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import type { Spec } from '../pipeline/spec.js';
import { count, positional } from '../pipeline/values.js';

const spec = {
  summary: 'makes both ends of a TCP connection send segments that fit the tunnel',
  inputs: { in: 'checked packets' },
  outputs: { out: 'the same packets; a SYN announces no larger segments than MSS' },
  config: {
    mss: positional(
      count(1424, 'The largest segment: 1,500 less the headers of IPv4, TCP, and GRE with all its options.', {
        min: 536,
        max: 65_535,
      }),
    ),
  },
  drops: {},
  metrics: { clamped: { kind: 'counter', doc: 'SYNs whose MSS was lowered' } },
  workers: 'each',
} as const satisfies Spec;

const SYN = 2;
const TCP_HEADER = 20;
/** TCP options (RFC 9293 3.1): kind, and for those but the first two the length. */
const OPTION = { end: 0, nop: 1, mss: 2 } as const;

/**
 * A clone sends segments for an Ethernet of 1,500 bytes, and GRE adds up to 36 to each. Between here and the router there
 * is rarely room for that, and the tunnel must not fragment; so large answers would be lost while small ones pass. It
 * lowers the MSS option of every SYN that passes, as routers do for such links (RFC 4459 3.2).
 *
 * @example
 *   tunnel :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1) -> CheckIPHeader -> ClampMSS(1424) -> Discard;
 *   Idle -> tunnel;
 */
export class ClampMSS extends Element<typeof spec> {
  static readonly spec = spec;

  override push(batch: Batch, _input: number, bytes: number): void {
    const { tcpFlags, ipHeader, payload, fragment } = this.packets;
    const { rows, count } = batch;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      // Only TCP has flags. What has no options announces nothing.
      if (tcpFlags[row]! & SYN && payload[row]! > ipHeader[row]! + TCP_HEADER && fragment[row] === 0) this.clamp(row);
    }
    this.out.out.moveAll(batch, bytes);
  }

  private clamp(row: number): void {
    const { view, start, ipHeader, payload } = this.packets;
    const segment = start[row]! + ipHeader[row]!;
    const end = start[row]! + payload[row]!;
    for (let at = segment + TCP_HEADER; at + 1 < end; ) {
      const kind = view.getUint8(at);
      if (kind === OPTION.end) return;
      const length = kind === OPTION.nop ? 1 : view.getUint8(at + 1);
      // A length of 0 would go round for ever, and one beyond the header is a lie.
      if (length === 0 || at + length > end) return;
      if (kind === OPTION.mss && length === 4) {
        this.lower(segment, at + 2);
        return;
      }
      at += length;
    }
  }

  /** Lowers the number at an offset, and mends the TCP checksum for it (RFC 1624, equation 3). */
  private lower(segment: number, at: number): void {
    const { view } = this.packets;
    const before = view.getUint16(at);
    const after = this.config.mss;
    if (before <= after) return;
    view.setUint16(at, after);
    // At an odd place its two bytes lie in two words of the sum, so they count the other way round.
    const odd = (at - segment) % 2 === 1;
    const [was, is] = odd ? [swap(before), swap(after)] : [before, after];
    let sum = (~view.getUint16(segment + 16) & 0xffff) + (~was & 0xffff) + is;
    sum = (sum & 0xffff) + (sum >>> 16);
    sum = (sum & 0xffff) + (sum >>> 16);
    view.setUint16(segment + 16, ~sum & 0xffff);
    this.metrics.clamped.add(1);
  }
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
