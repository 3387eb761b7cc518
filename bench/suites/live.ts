import { setTimeout } from 'node:timers/promises';
import { noNamespaces, Pair } from '../../test/e2e/netns.js';
import { Cleanup } from '../cleanup.js';
import { percentile } from '../clones/percentile.js';
import { short } from '../figure.js';
import { Programs } from '../live/programs.js';
import { type Minimal, type Receiver, startEngine, startMinimal } from '../live/receivers.js';
import { Sender } from '../live/sender.js';
import type { Bench, Suite } from '../suite.js';

/** Packets a second. */
const RATES = [100_000, 200_000, 400_000];
const FULL = 400_000;
/** Seconds: offered before it counts, while V8 compiles and memory is touched for the first time; and then, at each rate. */
const BEFORE = 1;
const SECONDS = 1;
/** Seconds at the full rate in which pauses are noted. */
const LONG = 60;
const LONG_QUICK = 10;
/** Milliseconds until what was sent has arrived; and until what was dropped has been counted, which is once a second. */
const AFTER = 200;
const COUNTED = 1200;
const FLOWS = 10_000;
const BUFFER = 32 << 20;
const ROUNDS = 3;
const ROUNDS_QUICK = 2;

const GOALS: Readonly<Record<string, number>> = { lost: 0.01, 'to-minimal': 1.5, 'pause-p99': 2 };
const UNITS: Readonly<Record<string, string>> = {
  lost: '%',
  dropped: '%',
  offered: 'packets/s',
  cpu: 'ns/packet',
  kernel: 'ns/packet',
  'to-minimal': 'x',
  'to-floor': 'x',
  'pause-p99': 'ms',
  'pause-max': 'ms',
  pauses: '',
};

/** A way to receive, and the rates at which it is tried. */
interface Case {
  readonly name: string;
  readonly rates: readonly number[];
  start(): Promise<Receiver>;
}

function cases({ right }: Pair, programs: Programs): Case[] {
  const engine = (name: string, rates: readonly number[], graph: string, ...defines: string[]): Case => ({
    name,
    rates,
    start: () => startEngine(right, graph, defines),
  });
  const minimal = (name: string, rates: readonly number[], options: Omit<Minimal, 'bytes'>): Case => ({
    name,
    rates,
    start: () => startMinimal(right, programs, { bytes: BUFFER, ...options }),
  });
  return [
    engine('chain', RATES, 'live'),
    engine('receive', RATES, 'receive'),
    minimal('minimal', RATES, {}),
    ...(['walk', 'copy', 'flows'] as const).map((work) => minimal(`minimal-${work}`, [FULL], { work })),
    engine('chain-raw', [FULL], 'live', 'METHOD=RAW'),
    engine('receive-raw', [FULL], 'receive', 'METHOD=RAW'),
    minimal('minimal-raw', [FULL], { way: 'raw' }),
    minimal('minimal-blocks', [FULL], { way: 'blocks' }),
    minimal('minimal-xdp', [FULL], { way: 'xdp' }),
    minimal('minimal-xdp-copy', [FULL], { way: 'xdp', work: 'copy' }),
    engine('chain-2m', [FULL], 'live', 'BUFFER=2M'),
  ];
}

const rowOf = (name: string, rate: number) => `live/${name}-${rate / 1000}k`;

/** What stands beside the receiver in C that takes packets the same way, or does what cannot be left out, in the same round. */
const BESIDE: readonly (readonly [string, 'to-minimal' | 'to-floor', string])[] = [
  ...RATES.flatMap((rate) =>
    ['receive', 'chain'].map((name) => [rowOf(name, rate), 'to-minimal', rowOf('minimal', rate)] as const),
  ),
  [rowOf('receive', FULL), 'to-floor', rowOf('minimal-copy', FULL)],
  [rowOf('chain', FULL), 'to-floor', rowOf('minimal-flows', FULL)],
  [rowOf('receive-raw', FULL), 'to-minimal', rowOf('minimal-raw', FULL)],
  [rowOf('chain-raw', FULL), 'to-minimal', rowOf('minimal-raw', FULL)],
];

/** The rows that the goals are about: default settings. */
const JUDGED = /^live\/(chain-\d+k|receive-\d+k|pauses)\//;

const tellRow = (bench: Bench, row: string, found: Readonly<Record<string, number>>) =>
  bench.tell(
    `${row}: ${Object.entries(found)
      .map(([what, value]) => `${what} ${short(value)} ${UNITS[what]}`)
      .join(', ')}`,
  );

/** Offers packets to a receiver, and waits until it has counted them. */
async function expose(sender: Sender, receiver: Receiver, rate: number, seconds: number, wait: number) {
  const before = await receiver.look();
  const { sent, taken } = await sender.offer(rate, seconds);
  await setTimeout(wait);
  const after = await receiver.look();
  const received = after.received - before.received;
  return {
    offered: sent / taken,
    lost: ((sent - received) / sent) * 100,
    dropped: ((after.dropped - before.dropped) / sent) * 100,
    cpu: (after.processor - before.processor) / received,
    kernel: (after.kernel - before.kernel) / received,
    pauses: after.pauses,
  };
}

/** The figures of some rows, of each round. */
class Found {
  private readonly values = new Map<string, Map<string, number[]>>();

  add(row: string, figures: Readonly<Record<string, number>>): void {
    const all = this.values.get(row) ?? new Map<string, number[]>();
    this.values.set(row, all);
    for (const [what, value] of Object.entries(figures)) all.set(what, [...(all.get(what) ?? []), value]);
  }

  report(bench: Bench): void {
    for (const [row, what, base] of BESIDE) {
      const [own, other] = [this.values.get(row)?.get('cpu'), this.values.get(base)?.get('cpu')];
      if (!own || !other) continue;
      const ratios = own.map((each, i) => each / other[i]!);
      this.values.get(row)!.set(what, ratios);
    }
    for (const [row, figures] of this.values) {
      for (const [what, values] of figures) {
        const name = `${row}/${what}`;
        const goal = JUDGED.test(name) ? GOALS[what] : undefined;
        bench.report({ name, unit: UNITS[what]!, values, ...(goal !== undefined && { goal }) });
      }
    }
  }
}

/** Runs a function with a receiver that has been warmed up. */
async function using<T>(start: () => Promise<Receiver>, sender: Sender, run: (receiver: Receiver) => Promise<T>) {
  const receiver = await start();
  try {
    await sender.offer(FULL, BEFORE);
    await setTimeout(AFTER);
    return await run(receiver);
  } finally {
    await receiver.end();
  }
}

/** Tries all ways in turn, so that what disturbs the machine for a while hits all alike. */
async function compare(bench: Bench, wanted: readonly Case[], sender: Sender, found: Found): Promise<void> {
  const rounds = bench.quick ? ROUNDS_QUICK : ROUNDS;
  for (let round = 1; round <= rounds; round++) {
    for (const { name, rates, start } of wanted) {
      bench.progress(`live/${name}: run ${round} of ${rounds}`);
      await using(start, sender, async (receiver) => {
        for (const rate of rates.filter((each) => bench.wants(rowOf(name, each)))) {
          const { offered, lost, cpu, kernel } = await expose(sender, receiver, rate, SECONDS, AFTER);
          tellRow(bench, rowOf(name, rate), { offered, lost, cpu, kernel });
          found.add(rowOf(name, rate), { offered, lost, cpu, kernel });
        }
      });
    }
  }
}

/** Pauses of the collection of garbage while packets come at the full rate, and what is lost in so long a time. */
async function pauses(bench: Bench, pair: Pair, sender: Sender, found: Found): Promise<void> {
  const seconds = bench.quick ? LONG_QUICK : LONG;
  bench.progress(`live/pauses: ${seconds} s`);
  await using(
    () => startEngine(pair.right, 'live', []),
    sender,
    async (receiver) => {
      await setTimeout(COUNTED);
      const { pauses: noted, ...figures } = await expose(sender, receiver, FULL, seconds, COUNTED);
      const all = {
        ...figures,
        pauses: noted.length,
        'pause-p99': noted.length === 0 ? 0 : percentile(noted, 99),
        'pause-max': Math.max(0, ...noted),
      };
      tellRow(bench, 'live/pauses', all);
      found.add('live/pauses', all);
    },
  );
}

async function run(bench: Bench): Promise<void> {
  const cleanup = new Cleanup();
  const found = new Found();
  try {
    const pair = new Pair();
    cleanup.add(() => pair.remove());
    const programs = new Programs(FLOWS);
    cleanup.add(() => programs.remove());
    const sender = new Sender(pair, programs);
    cleanup.add(() => sender.child.kill('SIGKILL'));
    const wanted = cases(pair, programs).filter(({ name, rates }) =>
      rates.some((rate) => bench.wants(rowOf(name, rate))),
    );
    await compare(bench, wanted, sender, found);
    if (bench.wants('live/pauses')) await pauses(bench, pair, sender, found);
  } finally {
    cleanup.run();
  }
  found.report(bench);
}

export const live: Suite = {
  name: 'live',
  summary: 'a gateway that receives GRE over a veth pair, beside a receiver in C; its pauses; as root',
  missing: () => noNamespaces || undefined,
  run,
};
