import { ROWS } from '../columns.js';
import type { Packets } from '../packets.js';
import { AT, assemble, disassemble, OP, READ } from './program.js';
import type { Pattern } from './syntax.js';

// The interpreter's loop is quicker with constants than with properties.
const {
  src: SRC,
  dst: DST,
  sport: SPORT,
  dport: DPORT,
  proto: PROTO,
  tcpFlags: FLAGS,
  fragment: FRAGMENT,
  ip: IP,
} = READ;
const { is: IS, has: HAS } = OP;
const { op: AT_OP, offset: AT_OFFSET, width: AT_WIDTH, shift: AT_SHIFT } = AT;
const { mask: AT_MASK, value: AT_VALUE, yes: AT_YES, no: AT_NO } = AT;

/**
 * Finds the first of a list of patterns that a packet matches. It reads the columns that parsing fills in, and goes to
 * the bytes, never beyond the packet's end, only for what no column holds.
 */
export class Classifier {
  /** How many patterns there are: the result when none of them matches. */
  readonly patterns: number;
  private readonly program: Int32Array;
  private readonly first: number;
  private readonly results = new Uint16Array(ROWS);
  private readonly one = new Uint16Array(1);

  constructor(patterns: readonly Pattern[]) {
    if (patterns.length >= 0xffff) throw new RangeError(`${patterns.length} patterns are too many`);
    this.patterns = patterns.length;
    ({ program: this.program, first: this.first } = assemble(patterns));
  }

  /** The number of the first pattern that matches the packet, or how many patterns there are if none does. */
  classify(packets: Packets, row: number): number {
    this.one[0] = row;
    return this.classifyRows(packets, this.one, 1)[0]!;
  }

  /** Classifies `count` rows, at most ROWS. `out` takes the results of `classify`; those above 255 become 255. */
  classifyBatch(packets: Packets, rows: Uint16Array, count: number, out: Uint8Array): void {
    const results = this.classifyRows(packets, rows, count);
    for (let i = 0; i < count; i++) out[i] = Math.min(255, results[i]!);
  }

  /** The program in words, a step a line: what is tested, and where to go on. */
  describe(): string {
    return disassemble(this.program, this.first);
  }

  /** Classifies `count` rows, at most ROWS. The results are good until the next call. */
  classifyRows(packets: Packets, rows: Uint16Array, count: number): Uint16Array {
    const { program, first, results } = this;
    const { src, dst, sport, dport, proto, tcpFlags, fragment, ipHeader, length, start, bytes } = packets;
    for (let n = 0; n < count; n++) {
      const row = rows[n]!;
      let at = first;
      while (at >= 0) {
        let value = 0;
        let there = true;
        switch (program[at]) {
          case SRC:
            value = src[row]!;
            break;
          case DST:
            value = dst[row]!;
            break;
          case SPORT:
            value = sport[row]!;
            break;
          case DPORT:
            value = dport[row]!;
            break;
          case PROTO:
            value = proto[row]!;
            break;
          case FLAGS:
            value = tcpFlags[row]!;
            break;
          case FRAGMENT:
            value = fragment[row]!;
            break;
          default: {
            const offset = (program[at] === IP ? 0 : ipHeader[row]!) + program[at + AT_OFFSET]!;
            const end = start[row]! + offset + program[at + AT_WIDTH]!;
            there = end <= start[row]! + length[row]!;
            if (there) for (let i = start[row]! + offset; i < end; i++) value = (value << 8) | bytes[i]!;
          }
        }
        value = (value >>> program[at + AT_SHIFT]!) & program[at + AT_MASK]!;
        const given = program[at + AT_VALUE]!;
        const op = program[at + AT_OP];
        const holds = there && (op === IS ? value === given : op === HAS || value >>> 0 > given >>> 0);
        at = program[at + (holds ? AT_YES : AT_NO)]!;
      }
      results[n] = -1 - at;
    }
    return results;
  }
}

/** Compiles patterns; the first that matches counts. */
export function compile(patterns: readonly Pattern[]): Classifier {
  return new Classifier(patterns);
}
