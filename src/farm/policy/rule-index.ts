import type { Packets } from '../../packet/packets.js';
import { FACTS_AT, matches, type Program, program } from '../../packet/pattern/interpret.js';
import { READ } from '../../packet/pattern/program.js';
import { possible, type Ranges } from '../../packet/pattern/ranges.js';
import type { Field, Node } from '../../packet/pattern/syntax.js';
import { FACT } from './facts.js';

/** The values of a field with more stretches than this are cut into cells of equal size, up to so many bits of them. */
const FEW = 8;
const CELL_BITS = 16;

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

/** For each stretch of values of one field, the rules that may match, as a row of bits. */
interface FieldRows {
  /** The first value of each stretch, and the number of its row. */
  readonly starts: readonly number[];
  readonly numbers: readonly number[];
  readonly rows: readonly Int32Array[];
}

/** @param width words of a row */
function rowsOf(ranges: readonly Ranges[], width: number): FieldRows {
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
  const starts = [...turns.keys()].sort((a, b) => a - b);
  const current = new Int32Array(width);
  const known = new Map<string, number>();
  const rows: Int32Array[] = [];
  const numbers = starts.map((start) => {
    for (const rule of turns.get(start)!) current[rule >>> 5]! ^= 1 << (rule & 31);
    const name = Buffer.from(current.buffer).toString('latin1');
    const number = known.get(name) ?? rows.push(current.slice()) - 1;
    known.set(name, number);
    return number;
  });
  return { starts, numbers, rows };
}

/**
 * Finds the first of many rules that matches, without trying them all: for each field the rules that allow its value are
 * known as a row of bits, and only those that are in all of the rows are tried, in order (Lakshman and Stiliadis,
 * High-Speed Policy-based Packet Forwarding, SIGCOMM 1998). Before each row stand bits that say which of its words are not
 * 0 (Baboescu and Varghese, Scalable Packet Classification, SIGCOMM 2001), so that most words are never looked at.
 */
export class RuleIndex {
  private readonly programs: readonly Program[];
  /** Words of a row, and of what stands before it. */
  private readonly width: number;
  private readonly head: number;
  /** For each field: where its value is among the facts, the bits that a cell spans, and where its cells begin in `cells`. */
  private readonly ats: Int32Array;
  private readonly shifts: Int32Array;
  private readonly firstCells: Int32Array;
  /** For each cell the stretch that its first value is in; at the end of each field one more, that of its last value. */
  private readonly cells: Int32Array;
  private readonly starts: Uint32Array;
  /** For each stretch, where its row begins in `bits`. */
  private readonly places: Int32Array;
  private readonly bits: Int32Array;
  /** Where the row for the packet's value begins, for each field. */
  private readonly found: Int32Array;

  /** @param trees at most 32,768 */
  constructor(trees: readonly Node[]) {
    this.programs = trees.map((tree) => program({ tree }));
    this.width = Math.ceil(trees.length / 32);
    this.head = Math.ceil(this.width / 32);
    const stride = this.head + this.width;
    const ats: number[] = [];
    const shifts: number[] = [];
    const firstCells: number[] = [];
    const cells: number[] = [];
    const starts: number[] = [];
    const places: number[] = [];
    const all: Int32Array[] = [];
    for (const { field, at, most } of FIELDS) {
      const ranges = trees.map((tree) => possible(tree, field, most));
      if (ranges.every((list) => list.length === 1 && list[0]![0] === 0 && list[0]![1] === most)) continue;
      const { starts: first, numbers, rows } = rowsOf(ranges, this.width);
      const bits = 32 - Math.clz32(most);
      const shift = first.length > FEW ? Math.max(0, bits - CELL_BITS) : bits - 1;
      ats.push(at);
      shifts.push(shift);
      firstCells.push(cells.length);
      const before = starts.length;
      for (let cell = 0, stretch = 0; cell <= most >>> shift; cell++) {
        while (stretch + 1 < first.length && first[stretch + 1]! <= (cell << shift) >>> 0) stretch++;
        cells.push(before + stretch);
      }
      cells.push(before + first.length - 1);
      for (const [i, start] of first.entries()) {
        starts.push(start);
        places.push((all.length + numbers[i]!) * stride);
      }
      for (const row of rows) all.push(row);
    }
    this.ats = Int32Array.from(ats);
    this.shifts = Int32Array.from(shifts);
    this.firstCells = Int32Array.from(firstCells);
    this.cells = Int32Array.from(cells);
    this.starts = Uint32Array.from(starts);
    this.places = Int32Array.from(places);
    this.bits = new Int32Array(all.length * stride);
    for (const [i, row] of all.entries()) {
      this.bits.set(row, i * stride + this.head);
      for (const [word, bits] of row.entries())
        if (bits !== 0) this.bits[i * stride + (word >>> 5)]! |= 1 << (word & 31);
    }
    this.found = new Int32Array(ats.length);
  }

  /** The number of the first rule that matches a packet of which these are the facts, or how many rules there are. */
  find(facts: Uint32Array, packets: Packets, row: number): number {
    const { programs, head, bits, found } = this;
    const fields = this.locate(facts);
    for (let part = 0; part < head; part++) {
      let words = -1;
      for (let f = 0; f < fields; f++) words &= bits[found[f]! + part]!;
      for (; words !== 0; words &= words - 1) {
        const word = part * 32 + 31 - Math.clz32(words & -words);
        if (word >= this.width) break;
        let rules = -1;
        for (let f = 0; f < fields; f++) rules &= bits[found[f]! + head + word]!;
        for (; rules !== 0; rules &= rules - 1) {
          const number = word * 32 + 31 - Math.clz32(rules & -rules);
          if (number >= programs.length) break;
          if (matches(programs[number]!, facts, packets, row)) return number;
        }
      }
    }
    return programs.length;
  }

  /** Finds the row of each field. @returns how many fields there are */
  private locate(facts: Uint32Array): number {
    const { ats, shifts, firstCells, cells, starts, places, found } = this;
    for (let f = 0; f < ats.length; f++) {
      const value = facts[ats[f]!]!;
      const cell = firstCells[f]! + (value >>> shifts[f]!);
      let low = cells[cell]!;
      let high = cells[cell + 1]! + 1;
      while (high - low > 1) {
        const middle = (low + high) >>> 1;
        if (starts[middle]! <= value) low = middle;
        else high = middle;
      }
      found[f] = places[low]!;
    }
    return ats.length;
  }
}
