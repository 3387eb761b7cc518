import { native } from '../../native/addon.js';
import { ROWS } from '../columns.js';
import type { Packets } from '../packets.js';
import { type DecisionTable, decisionTable } from './decision-table.js';
import { AT, assemble, disassemble, READ, STRIDE } from './program.js';
import type { Pattern } from './syntax.js';

/**
 * Finds the first of a list of patterns that a packet matches. It reads the columns that parsing fills in, and goes to
 * the bytes, never beyond the packet's end, only for what no column holds.
 */
export class Classifier {
  /** How many patterns there are: the result when none of them matches. */
  readonly patterns: number;
  private readonly program: Int32Array;
  private readonly first: number;
  private readonly table: DecisionTable | undefined;
  private readonly results = new Uint16Array(ROWS);
  private readonly one = new Uint16Array(1);

  constructor(patterns: readonly Pattern[]) {
    if (patterns.length >= 0xffff) throw new RangeError(`${patterns.length} patterns are too many`);
    this.patterns = patterns.length;
    ({ program: this.program, first: this.first } = assemble(patterns));
    for (let at = 0; at < this.program.length; at += STRIDE) {
      if (this.program[at + AT.read]! > READ.transport) throw new TypeError('native code knows the packet alone');
    }
    this.table = decisionTable(this.program, this.first);
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
    const { program, first, results, table } = this;
    if (table) native.decide(packets.bytes, rows, count, table, results);
    else native.classify(packets.bytes, rows, count, program, first, results);
    return results;
  }
}

/** Compiles patterns; the first that matches counts. */
export function compile(patterns: readonly Pattern[]): Classifier {
  return new Classifier(patterns);
}
