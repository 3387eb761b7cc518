import { type Step, specialize } from './specialize.js';
import type { Node, Pattern } from './syntax.js';

/**
 * A decision program: STRIDE numbers an instruction. Each makes one test and names the instruction to go on with if it
 * holds, and if it fails. A negative number ends the program: -1 - n is the result n.
 */
export const STRIDE = 9;

/** What the first number of an instruction says is to be read. */
export const READ = {
  src: 0,
  dst: 1,
  sport: 2,
  dport: 3,
  proto: 4,
  tcpFlags: 5,
  fragment: 6,
  ip: 7,
  transport: 8,
  payload: 9,
  fact: 10,
} as const;

export const OP = { is: 0, above: 1, has: 2 } as const;

/** Places of the numbers of an instruction. */
export const AT = { read: 0, op: 1, offset: 2, width: 3, shift: 4, mask: 5, value: 6, yes: 7, no: 8 } as const;

/** Steps are made from the end to the start, so that each knows where those after it are. */
class Assembler {
  readonly steps: Step[] = [];

  /** Returns where to start in order to go to `yes` or `no`, whatever the node says. */
  add(node: Node, yes: number, no: number): number {
    switch (node.kind) {
      case 'always':
        return node.value ? yes : no;
      case 'not':
        return this.add(node.term, no, yes);
      case 'and':
        return node.terms.reduceRight((next, term) => this.add(term, next, no), yes);
      case 'or':
        return node.terms.reduceRight((next, term) => this.add(term, yes, next), no);
      case 'if':
        return this.add(node.test, this.add(node.yes, yes, no), this.add(node.no, yes, no));
      case 'test': {
        if (yes === no) return yes;
        return this.steps.push({ test: node, yes, no }) - 1;
      }
    }
  }
}

/** A program for all patterns: its result is the number of the first that matches, or how many there are if none does. */
export function assemble(patterns: readonly Pick<Pattern, 'tree'>[]): { program: Int32Array; first: number } {
  const assembler = new Assembler();
  const end = (result: number) => -1 - result;
  const start = patterns.reduceRight(
    (next, { tree }, number) => assembler.add(tree, end(number), next),
    end(patterns.length),
  );
  const { steps, first } = specialize(assembler.steps, start);
  const program = new Int32Array(steps.length * STRIDE);
  const place = (target: number) => (target < 0 ? target : target * STRIDE);
  for (const [i, { test, yes, no }] of steps.entries()) {
    const { field, shift, mask, op, value } = test;
    const [offset, width] =
      'width' in field ? [field.offset, field.width] : field.of === 'fact' ? [field.number, 0] : [0, 0];
    program.set([READ[field.of], OP[op], offset, width, shift, mask, value, place(yes), place(no)], i * STRIDE);
  }
  return { program, first: place(first) };
}

const name = (table: Readonly<Record<string, number>>, number: number): string =>
  Object.keys(table).find((key) => table[key] === number)!;

/** A program in words, a step a line. */
export function disassemble(program: Int32Array, first: number): string {
  const target = (at: number) => (at < 0 ? `[${-1 - at}]` : `step ${at / STRIDE}`);
  const lines = [`start ${target(first)}`];
  for (let at = 0; at < program.length; at += STRIDE) {
    const [read, op, offset, width, shift, mask, value, yes, no] = program.subarray(
      at,
      at + STRIDE,
    ) as unknown as number[];
    const field =
      name(READ, read!) + (width || read === READ.fact ? `[${offset}:${width}]` : '') + (shift ? ` >> ${shift}` : '');
    const test =
      op === OP.has ? 'is there' : `& 0x${(mask! >>> 0).toString(16)} ${op === OP.is ? '=' : '>'} ${value! >>> 0}`;
    lines.push(`${at / STRIDE}  ${field} ${test}  yes ${target(yes!)}  no ${target(no!)}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}
