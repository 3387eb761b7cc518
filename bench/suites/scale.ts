import type { Panel, Series } from '../plot/svg.js';
import { cloneCosts } from '../scale/clones.js';
import { flowCosts } from '../scale/flows.js';
import type { Costs } from '../scale/size.js';
import { telescopeCosts } from '../scale/telescope.js';
import { type Bench, median, type Suite } from '../suite.js';

/** What grows, how far, and what its costs are in. */
interface Dimension {
  readonly name: string;
  readonly sizes: readonly number[];
  /** How a size is written in names of figures. */
  label(size: number): string;
  measure(size: number): Costs | Promise<Costs>;
  readonly units: Readonly<Record<string, string>>;
  /** Sizes from which something can be measured; of few, what is made once would be most. */
  readonly from?: Readonly<Record<string, number>>;
}

const CLONE_UNITS = { birth: 'µs/clone', known: 'µs/packet', bytes: 'B/clone', heap: 'B/clone' };
const CLONES_FROM = { birth: 1000, heap: 1000, bytes: 10_000 };

const powers = (size: number) => (size >= 1e6 ? `${size / 1e6}m` : size >= 1e3 ? `${size / 1e3}k` : String(size));

const clones = (shared: boolean) => async (size: number) => {
  const { birth, known, ...memory } = await cloneCosts(size, shared);
  return { birth: birth! / 1000, known: known! / 1000, ...memory };
};

const DIMENSIONS: readonly Dimension[] = [
  {
    name: 'flows',
    sizes: [10_000, 100_000, 1_000_000, 10_000_000],
    label: powers,
    measure: flowCosts,
    units: { new: 'ns/packet', known: 'ns/packet', bytes: 'B/flow' },
  },
  {
    name: 'telescope',
    sizes: [24, 20, 16, 12, 8],
    label: String,
    measure: telescopeCosts,
    units: { lookup: 'ns/packet', kilobytes: 'KB' },
  },
  {
    name: 'bindings',
    sizes: [100, 1000, 10_000, 100_000],
    label: powers,
    measure: clones(true),
    units: CLONE_UNITS,
    from: CLONES_FROM,
  },
  {
    name: 'universes',
    sizes: [1, 10, 100, 1000, 10_000, 100_000],
    label: powers,
    measure: clones(false),
    units: CLONE_UNITS,
    from: CLONES_FROM,
  },
];

const RUNS = 3;

/** Costs by size. */
type Found = ReadonlyMap<number, ReadonlyMap<string, readonly number[]>>;

async function measure({ name, sizes, measure, label, from = {} }: Dimension, bench: Bench): Promise<Found> {
  // V8 compiles.
  await measure(sizes[Math.min(1, sizes.length - 1)]!);
  const found = new Map(sizes.map((size) => [size, new Map<string, number[]>()]));
  for (let run = 0; run < (bench.quick ? 1 : RUNS); run++) {
    for (const size of sizes) {
      bench.progress(`scale/${name}-${label(size)}: run ${run + 1}`);
      for (const [what, value] of Object.entries(await measure(size))) {
        if (size < (from[what] ?? 0)) continue;
        const values = found.get(size)!;
        values.set(what, [...(values.get(what) ?? []), value]);
      }
    }
  }
  return found;
}

/** Costs of one kind, by size. */
function line(found: Found, what: string, name: string, across = (size: number) => size): Series {
  const points = [...found].flatMap(([size, costs]) => {
    const values = costs.get(what);
    return values ? [[across(size), median(values)] as const] : [];
  });
  return { name, points };
}

/** Plots of what was measured. */
export function scalePanels(found: ReadonlyMap<string, Found>): Panel[] {
  const x = (label: string) => ({ label, log: true });
  const [ns, us, bytes] = [
    { label: 'ns a packet', zero: true },
    { label: 'µs', zero: true },
    { label: 'bytes each', zero: true },
  ];
  const panels: Panel[] = [];
  const flows = found.get('flows');
  if (flows) {
    const series = [line(flows, 'new', 'opens a flow'), line(flows, 'known', 'of a known flow')];
    panels.push({ title: 'Flow table, by flows', x: x('flows'), y: ns, series });
  }
  const telescope = found.get('telescope');
  if (telescope) {
    const series = [line(telescope, 'lookup', 'finding the image', (bits) => 2 ** (32 - bits))];
    panels.push({ title: 'Address map, a line a /24', x: x('addresses of the telescope'), y: ns, series });
  }
  for (const [name, title] of [
    ['bindings', 'Clones of one universe'],
    ['universes', 'Universes of one clone each'],
  ] as const) {
    const costs = found.get(name);
    if (!costs) continue;
    const times = [line(costs, 'birth', 'birth and first answer'), line(costs, 'known', 'packet and answer')];
    const memory = [line(costs, 'bytes', 'of the process'), line(costs, 'heap', 'of which heap')];
    panels.push({ title: `${title}: time`, x: x(name), y: us, series: times });
    panels.push({ title: `${title}: memory`, x: x(name), y: bytes, series: memory });
  }
  return panels;
}

async function run(bench: Bench): Promise<void> {
  const all = new Map<string, Found>();
  for (const dimension of DIMENSIONS) {
    const { name, sizes, label, units } = dimension;
    const reduced = bench.quick ? sizes.slice(0, -1) : sizes;
    if (!reduced.some((size) => bench.wants(`scale/${name}-${label(size)}`) || bench.wants(`scale/${name}`))) continue;
    const found = await measure({ ...dimension, sizes: reduced }, bench);
    all.set(name, found);
    for (const [size, costs] of found) {
      for (const [what, values] of costs) {
        bench.report({ name: `scale/${name}-${label(size)}/${what}`, unit: units[what]!, values });
      }
    }
  }
  bench.plot('scale', scalePanels(all));
}

export const scale: Suite = {
  name: 'scale',
  summary: 'what flows, telescopes, clones and universes cost as they become many',
  long: true,
  missing: () => (globalThis.gc ? undefined : 'node must be started with --expose-gc'),
  run,
};
