import { rmSync } from 'node:fs';
import { type Chain, readChain, timeChain, timeElements, watchHeap } from '../chain.js';
import { CLICK_GRAPHS, runClick } from '../click.js';
import { summarize } from '../figure.js';
import { compare } from '../references.js';
import { type Bench, type Case, interleave, type Suite } from '../suite.js';
import { captureFile } from '../workload/capture.js';

interface Row {
  readonly name: string;
  /** File of bench/graphs. */
  readonly graph: string;
  /** Flows of the workload. */
  readonly flows: number;
  /** Packets of the workload that the scan filter turns away, if the graph has one. */
  readonly scans?: number;
  /** Whether the graph has a flow table. */
  readonly keeps?: boolean;
  /** ns a packet at most. */
  readonly goal?: number;
}

const PACKETS = 1_000_000;

/** A table is bounded, and these are as large as FlowTable's and ScanFilter's are by default. */
export const TABLE_ENTRIES = 2 ** 20;

/** Those that others have as well come first, see bench/references.ts. */
const ROWS: readonly Row[] = [
  { name: 'count', graph: 'count', flows: 10_000, goal: 40 },
  { name: 'classify', graph: 'classify', flows: 10_000, goal: 75 },
  { name: 'flows-10k', graph: 'flows', flows: 10_000, keeps: true, goal: 90 },
  { name: 'flows-1m', graph: 'flows', flows: 1_000_000, keeps: true, goal: 170 },
  { name: 'nat-10k', graph: 'nat', flows: 10_000 },
  { name: 'dump', graph: 'dump', flows: 10_000, goal: 120 },
  { name: 'universes-1m', graph: 'universes', flows: 1_000_000, scans: 5, keeps: true, goal: 260 },
  { name: 'default-1m', graph: 'default', flows: 1_000_000, scans: 5, keeps: true, goal: 260 },
  { name: 'filtered-10k', graph: 'filtered', flows: 10_000, keeps: true },
];

export const CHAIN_NAMES = ROWS.map(({ name }) => name);
export const CHAIN_GRAPHS = [...new Set(ROWS.map(({ graph }) => graph))];

/** What is written goes to memory, so that no disk is measured. */
const OUT = `/dev/shm/potemkin-bench-${process.pid}.pcap`;

/** Removes what chains have written. To be called by whoever runs one. */
export function removeOutput(): void {
  rmSync(OUT, { force: true });
}

const UNITS: Readonly<Record<string, string>> = {
  '': 'ns/packet',
  wall: 'ns/packet',
  rss: 'MB',
  allocated: 'B/packet',
  growth: 'KB/Mpacket',
};

/** What a row plays. */
function chainOf({ graph, flows, keeps, scans = 0 }: Row, log: (line: string) => void): Chain {
  const IN = captureFile(PACKETS, flows, log);
  return {
    graph: readChain(graph, { IN, OUT, FLOWS: String(TABLE_ENTRIES) }),
    packets: PACKETS,
    counted: PACKETS - scans,
    ...(keeps && { flows: flows - scans }),
  };
}

/** The row of a name, to be measured beside something else: its chain, and its capture. */
export function namedChain(name: string, log: (line: string) => void): { chain: Chain; capture: string } {
  const row = ROWS.find((each) => each.name === name);
  if (!row) throw new Error(`there is no chain ${name}`);
  return { chain: chainOf(row, log), capture: captureFile(PACKETS, row.flows, log) };
}

/** The same rows by another program, and which of ours each is. */
function clickCases(click: string, rows: readonly Row[], log: (line: string) => void): { row: Row; case: Case }[] {
  return rows
    .filter(({ graph }) => (CLICK_GRAPHS as readonly string[]).includes(graph))
    .map((row) => {
      const IN = captureFile(PACKETS, row.flows, log);
      const run = async () => {
        const { processor } = await runClick(click, row.graph, { IN, OUT, packets: PACKETS });
        return new Map([['', processor]]);
      };
      return { row, case: { name: `${row.name}, ${click}`, run } };
    });
}

async function run(bench: Bench): Promise<void> {
  const wanted = ROWS.map((row) => ({ ...row, name: `chains/${row.name}` })).filter(({ name }) => bench.wants(name));
  const chains = wanted.map((row) => chainOf(row, bench.progress));
  const cases = (what: string, measure: typeof timeChain) =>
    wanted.map(({ name }, i) => ({ name: `${name}, ${what}`, run: () => measure(chains[i]!) }));
  try {
    // Elements that are timed have another shape, so the plain runs come first.
    const others = bench.click === undefined ? [] : clickCases(bench.click, wanted, bench.progress);
    const totals = await interleave(bench, [...cases('time', timeChain), ...others.map((other) => other.case)]);
    const heaps = await interleave(bench, cases('heap', watchHeap), 1);
    const shares = await interleave(bench, cases('each element', timeElements));
    for (const [i, { name, goal }] of wanted.entries()) {
      const [total, heap, share] = [totals[i]!, heaps[i]!, shares[i]!];
      const report = (figures: Map<string, number[]>, unit?: string) => {
        for (const [figure, values] of figures) {
          bench.report({
            name: figure ? `${name}/${figure}` : name,
            unit: unit ?? UNITS[figure]!,
            values,
            ...(figure === '' && goal !== undefined && { goal }),
          });
        }
      };
      report(total);
      report(share, 'ns/packet');
      report(heap);
      const other = others.findIndex(({ row }) => row.name === name);
      if (other < 0) continue;
      const theirs = totals[wanted.length + other]!.get('')!;
      bench.report({ name: `${name}/click`, unit: 'ns/packet', values: theirs });
      const ratios = total.get('')!.map((ours, run) => ours / theirs[run]!);
      bench.report({ name: `${name}/to-click`, unit: 'times', values: ratios, goal: 1 });
    }
    const medians = wanted.map(({ name }, i): [string, number] => [
      name.replace('chains/', ''),
      summarize({ name, unit: '', values: totals[i]!.get('')! }).median,
    ]);
    const text = compare(new Map(medians));
    if (text) bench.note(text);
  } finally {
    removeOutput();
  }
}

export const chains: Suite = {
  name: 'chains',
  summary: 'graphs that play a capture, and what each element takes',
  run,
};
