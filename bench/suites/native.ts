import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decisionTable } from '../../src/packet/pattern/decision-table.js';
import { parsePattern } from '../../src/packet/pattern/pattern.js';
import { assemble } from '../../src/packet/pattern/program.js';
import { FIRST, timeChain } from '../chain.js';
import { PATTERNS } from '../instructions/parts.js';
import { linkNative, unbuilt } from '../native/link.js';
import { withFolder, withProgram } from '../program.js';
import { type Bench, type Case, interleave, type Suite } from '../suite.js';
import { namedChain, removeOutput, TABLE_ENTRIES } from './chains.js';

/** Rows of chains, and what bench/native/chain.cc calls the same. */
const ROWS: readonly { row: string; mode: string }[] = [
  { row: 'count', mode: 'count' },
  { row: 'classify', mode: 'classify' },
  { row: 'flows-10k', mode: 'flows' },
  { row: 'flows-1m', mode: 'flows' },
  { row: 'dump', mode: 'dump' },
  { row: 'universes-1m', mode: 'universes' },
  { row: 'default-1m', mode: 'default' },
];

/** What IPFilter asks in bench/graphs/default.click. */
const OURS = ['dst net 10.1.0.0/16 && not src net 10.1.0.0/16'];

/** What bench/native/chain.cc is to do. */
export interface NativeRow {
  readonly mode: string;
  readonly capture: string;
  /** Packets that go first, untimed. */
  readonly first: number;
  readonly flows: number;
}

/** Builds the program and lets `use` call it. @returns what that does */
export function withNative<T>(use: (run: (row: NativeRow) => Promise<number>) => Promise<T>): Promise<T> {
  return withProgram(
    (program) => linkNative('chain', program),
    (run) =>
      // Memory, so that no disk is measured.
      withFolder('/dev/shm', (folder) => {
        const tableOf = (name: string, patterns: readonly string[]) => {
          const { program, first: begin } = assemble(patterns.map((text) => parsePattern(text)));
          const file = join(folder, name);
          writeFileSync(file, decisionTable(program, begin)!);
          return file;
        };
        const [classifier, filter] = [tableOf('classifier', PATTERNS), tableOf('filter', OURS)];
        return use(({ mode, capture, first, flows }) => {
          const table = mode === 'default' ? filter : classifier;
          return run(mode, capture, String(first), table, String(flows), join(folder, 'out.pcap'));
        });
      }),
  );
}

async function run(bench: Bench): Promise<void> {
  await withNative(async (native) => {
    const rows = ROWS.filter(({ row }) => bench.wants(`native/${row}`)).map(({ row, mode }) => ({
      row,
      mode,
      ...namedChain(row, bench.progress),
    }));
    const cases: Case[] = [
      ...rows.map(({ row, chain }) => ({ name: `chains/${row}`, run: () => timeChain(chain) })),
      ...rows.map(({ row, mode, capture, chain: { packets } }) => ({
        name: `native/${row}`,
        run: async () => new Map([['', await native({ mode, capture, first: packets * FIRST, flows: TABLE_ENTRIES })]]),
      })),
    ];
    const found = await interleave(bench, cases).finally(removeOutput);
    const times = new Map(cases.map(({ name }, i) => [name, found[i]!.get('')!]));
    for (const { row } of rows) {
      const [here, alone] = [times.get(`chains/${row}`)!, times.get(`native/${row}`)!];
      bench.report({ name: `native/${row}/chain`, unit: 'ns/packet', values: here });
      bench.report({ name: `native/${row}`, unit: 'ns/packet', values: alone });
      bench.report({ name: `native/${row}/times`, unit: 'times', values: here.map((time, i) => time / alone[i]!) });
    }
  });
}

export const native: Suite = {
  name: 'native',
  summary: 'the native parts of the chains alone, one after the other without Node.js, beside the chains',
  missing: unbuilt,
  run,
};
