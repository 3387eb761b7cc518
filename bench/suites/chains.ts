import { type Chain, readChain, timeChain, timeElements, watchHeap } from '../chain.js';
import { type Bench, interleave, type Suite } from '../suite.js';
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
  readonly keeps: boolean;
  /** ns a packet at most. */
  readonly goal?: number;
}

const PACKETS = 1_000_000;

const ROWS: readonly Row[] = [
  { name: 'default-10k', graph: 'default', flows: 10_000, keeps: true, goal: 150 },
  { name: 'default-1m', graph: 'default', flows: 1_000_000, scans: 5, keeps: true, goal: 200 },
];

const UNITS: Readonly<Record<string, string>> = {
  '': 'ns/packet',
  wall: 'ns/packet',
  rss: 'MB',
  allocated: 'B/packet',
  growth: 'KB/Mpacket',
};

async function run(bench: Bench): Promise<void> {
  const wanted = ROWS.map((row) => ({ ...row, name: `chains/${row.name}` })).filter(({ name }) => bench.wants(name));
  const chains = wanted.map(({ graph, flows, keeps, scans = 0 }): Chain => {
    const IN = captureFile(PACKETS, flows, bench.progress);
    // A table is bounded, and this one is as large as FlowTable's and ScanFilter's are by default.
    return {
      graph: readChain(graph, { IN, FLOWS: String(2 ** 20) }),
      packets: PACKETS,
      counted: PACKETS - scans,
      ...(keeps && { flows: flows - scans }),
    };
  });
  const cases = (what: string, measure: typeof timeChain) =>
    wanted.map(({ name }, i) => ({ name: `${name}, ${what}`, run: () => measure(chains[i]!) }));
  // Elements that are timed have another shape, so the plain runs come first.
  const totals = await interleave(bench, cases('time', timeChain));
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
  }
}

export const chains: Suite = {
  name: 'chains',
  summary: 'graphs that play a capture, and what each element takes',
  run,
};
