import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { timeChain } from '../chain.js';
import { type TimedProgram, withProgram } from '../program.js';
import { type Bench, type Case, interleave, type Suite } from '../suite.js';
import { namedChain } from './chains.js';

const execute = promisify(execFile);

const SOURCE = fileURLToPath(new URL('../../../bench/floor/floor.c', import.meta.url));

/** What of a row of chains a loop of C does as well. */
const FLOORS: readonly { row: string; mode: string }[] = [
  { row: 'count', mode: 'copy' },
  { row: 'classify', mode: 'sum' },
  { row: 'flows-10k', mode: 'flows' },
  { row: 'flows-1m', mode: 'flows' },
  { row: 'universes-1m', mode: 'universes' },
  { row: 'default-1m', mode: 'universes' },
];

const ENTRIES = { '10k': 10_000, '1m': 1_000_000, '10m': 10_000_000 } as const;

/** Compiles the program and lets `use` call it. */
export const withFloor = <T>(use: (run: TimedProgram) => Promise<T>): Promise<T> =>
  withProgram((program) => execute('cc', ['-O3', SOURCE, '-o', program]), use);

async function run(bench: Bench): Promise<void> {
  await withFloor(async (floor) => {
    const rows = FLOORS.filter(({ row }) => bench.wants(`floor/${row}`)).map(({ row, mode }) => ({
      row,
      mode,
      ...namedChain(row, bench.progress),
    }));
    const sizes = Object.entries(ENTRIES).filter(([label]) => bench.wants(`floor/random-${label}`));
    const cases: Case[] = [
      ...rows.map(({ row, chain }) => ({ name: `chains/${row}`, run: () => timeChain(chain) })),
      ...rows.map(({ row, mode, capture }) => ({
        name: `floor/${row}`,
        run: async () => new Map([['', await floor(mode, capture)]]),
      })),
      ...sizes.map(([label, entries]) => ({
        name: `floor/random-${label}`,
        run: async () => new Map([['', await floor('random', String(entries))]]),
      })),
    ];
    const found = await interleave(bench, cases);
    const times = new Map(cases.map(({ name }, i) => [name, found[i]!.get('')!]));
    for (const [name, values] of times) bench.report({ name, unit: 'ns/packet', values });
    for (const { row } of rows) {
      const [here, least] = [times.get(`chains/${row}`)!, times.get(`floor/${row}`)!];
      bench.report({ name: `floor/${row}/times`, unit: 'times', values: here.map((time, i) => time / least[i]!) });
    }
  });
}

export const floor: Suite = {
  name: 'floor',
  summary: 'what the chains cannot do without: the same reads and copies in a loop of C, beside them',
  run,
};
