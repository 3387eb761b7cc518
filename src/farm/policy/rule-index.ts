import type { Packets } from '../../packet/packets.js';
import { FACTS_AT, matches, type Program, program } from '../../packet/pattern/interpret.js';
import { READ } from '../../packet/pattern/program.js';
import { possible, type Ranges } from '../../packet/pattern/ranges.js';
import type { Field, Node } from '../../packet/pattern/syntax.js';
import { FACT } from './facts.js';

/** Fields by which rules are told apart, where each is among the facts, and its greatest value. */
const FIELDS: readonly { readonly field: Field; readonly at: number; readonly most: number }[] = [
  ...(['src', 'dst'] as const).map((of) => ({ field: { of }, at: READ[of], most: 0xffffffff })),
  ...(['sport', 'dport'] as const).map((of) => ({ field: { of }, at: READ[of], most: 0xffff })),
  { field: { of: 'proto' }, at: READ.proto, most: 0xff },
  ...(['way', 'kind', 'image'] as const).map((name) => ({
    field: { of: 'fact' as const, number: FACT[name] },
    at: FACTS_AT + FACT[name],
    most: 0xffffffff,
  })),
];

/** For each value of one field, the rules that may match, as bits. */
class FieldIndex {
  readonly at: number;
  /** The first value of each stretch of values for which the same rules may match, and which row of `bits` is theirs. */
  private readonly starts: Uint32Array;
  private readonly rows: Uint32Array;
  readonly bits: Uint32Array;

  constructor(at: number, ranges: readonly Ranges[], width: number) {
    this.at = at;
    const turns = new Map<number, number[]>([[0, []]]);
    const turn = (value: number, rule: number) => {
      const list = turns.get(value);
      if (list) list.push(rule);
      else turns.set(value, [rule]);
    };
    for (const [rule, list] of ranges.entries()) {
      for (const [first, last] of list) {
        turn(first, rule);
        if (last < 0xffffffff) turn(last + 1, rule);
      }
    }
    this.starts = Uint32Array.from(turns.keys()).sort();
    this.rows = new Uint32Array(this.starts.length);
    const current = new Uint32Array(width);
    const known = new Map<string, number>();
    const rows: Uint32Array[] = [];
    for (const [i, start] of this.starts.entries()) {
      for (const rule of turns.get(start)!) current[rule >>> 5]! ^= 1 << (rule & 31);
      const name = Buffer.from(current.buffer).toString('latin1');
      let row = known.get(name);
      if (row === undefined) {
        row = rows.push(current.slice()) - 1;
        known.set(name, row);
      }
      this.rows[i] = row;
    }
    this.bits = new Uint32Array(rows.length * width);
    for (const [row, bits] of rows.entries()) this.bits.set(bits, row * width);
  }

  /** The row of `bits` for a value. */
  row(value: number): number {
    const { starts } = this;
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= value) low = middle;
      else high = middle;
    }
    return this.rows[low]!;
  }
}

/**
 * Finds the first of many rules that matches, without trying them all: for each field the rules that allow its value are
 * known as a row of bits, and only those that are in all of the rows are tried, in order (Lakshman and Stiliadis,
 * High-Speed Policy-based Packet Forwarding, SIGCOMM 1998).
 */
export class RuleIndex {
  private readonly programs: readonly Program[];
  private readonly fields: readonly FieldIndex[];
  private readonly width: number;
  /** Where the row of the packet's value begins, for each field. */
  private readonly offsets: Int32Array;

  /** @param trees at most 32,768 */
  constructor(trees: readonly Node[]) {
    this.programs = trees.map((tree) => program({ tree }));
    this.width = Math.ceil(trees.length / 32);
    const fields: FieldIndex[] = [];
    for (const { field, at, most } of FIELDS) {
      const ranges = trees.map((tree) => possible(tree, field, most));
      const all = ranges.every((list) => list.length === 1 && list[0]![0] === 0 && list[0]![1] === most);
      if (!all) fields.push(new FieldIndex(at, ranges, this.width));
    }
    this.fields = fields;
    this.offsets = new Int32Array(fields.length);
  }

  /** The number of the first rule that matches a packet of which these are the facts, or how many rules there are. */
  find(facts: Uint32Array, packets: Packets, row: number): number {
    const { fields, offsets, width, programs } = this;
    for (let f = 0; f < fields.length; f++) offsets[f] = fields[f]!.row(facts[fields[f]!.at]!) * width;
    for (let word = 0; word < width; word++) {
      let bits = -1;
      for (let f = 0; f < fields.length && bits !== 0; f++) bits &= fields[f]!.bits[offsets[f]! + word]!;
      while (bits !== 0) {
        const number = word * 32 + 31 - Math.clz32(bits & -bits);
        if (number >= programs.length) break;
        if (matches(programs[number]!, facts, packets, row)) return number;
        bits &= bits - 1;
      }
    }
    return programs.length;
  }
}
