import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { noNamespaces, Pair } from '../../test/e2e/netns.js';
import { percentile } from '../clones/percentile.js';
import type { Receiver } from '../live/looks.js';
import { Minimal, startEngine } from '../live/receivers.js';
import { type Bench, type Case, interleave, type Suite, type Values } from '../suite.js';

const OFFER = fileURLToPath(new URL('../offer.js', import.meta.url));

/** Packets a second. */
const RATES = [100_000, 200_000, 400_000];
const FULL = 400_000;
/** Seconds: offered before it counts, while V8 compiles and memory is touched for the first time; and then. */
const BEFORE = 1;
const SECONDS = 2;
/** Seconds at the full rate in which pauses are noted. */
const LONG = 60;
const LONG_QUICK = 10;
/** Milliseconds until what was sent has arrived, and what was dropped has been counted: that is once a second. */
const AFTER = 1200;
const FLOWS = 10_000;
const BUFFER = 32 << 20;
const MOST_ROUNDS = 7;

const GOALS: Readonly<Record<string, number>> = { lost: 0.01, 'to-minimal': 1.5, 'pause-p99': 2 };
const UNITS: Readonly<Record<string, string>> = {
  lost: '%',
  dropped: '%',
  offered: 'packets/s',
  cpu: 'ns/packet',
  'to-minimal': 'x',
  'pause-p99': 'ms',
  'pause-max': 'ms',
  pauses: '',
};

interface Offer {
  readonly sent: number;
  readonly seconds: number;
}

async function offer(pair: Pair, rate: number, seconds: number): Promise<Offer> {
  const sender = fork(OFFER, [pair.left, String(rate), String(seconds), String(FLOWS)]);
  const [message] = await Promise.race([
    once(sender, 'message'),
    once(sender, 'exit').then(() => Promise.reject(new Error('the sender ended before its time'))),
  ]);
  return message as Offer;
}

/** Offers packets to a receiver. @returns what was sent, and what it has counted of them */
async function expose(receiver: Receiver, pair: Pair, rate: number, seconds: number) {
  await offer(pair, rate, BEFORE);
  await setTimeout(AFTER);
  const before = await receiver.look();
  const { sent, seconds: taken } = await offer(pair, rate, seconds);
  await setTimeout(AFTER);
  const after = await receiver.look();
  const grown = (what: 'received' | 'dropped' | 'processor') => after[what] - before[what];
  return { sent, taken, received: grown('received'), dropped: grown('dropped'), processor: grown('processor'), after };
}

async function measure(start: () => Promise<Receiver>, pair: Pair, rate: number): Promise<Values> {
  const receiver = await start();
  try {
    const { sent, taken, received, dropped, processor } = await expose(receiver, pair, rate, SECONDS);
    return new Map([
      ['offered', sent / taken],
      ['lost', ((sent - received) / sent) * 100],
      ['dropped', (dropped / sent) * 100],
      ['cpu', processor / received],
    ]);
  } finally {
    await receiver.end();
  }
}

function cases(pair: Pair, minimal: Minimal): Case[] {
  const engine = (graph: string, ...defines: string[]) => startEngine(pair.right, graph, defines);
  const at = (name: string, rate: number, start: () => Promise<Receiver>): Case => ({
    name: `live/${name}-${rate / 1000}k`,
    run: () => measure(start, pair, rate),
  });
  return [
    ...RATES.flatMap((rate) => [
      at('chain', rate, () => engine('live')),
      at('receive', rate, () => engine('receive')),
      at('minimal', rate, () => minimal.start(pair.right, 'ring', BUFFER)),
    ]),
    ...['RAW', 'PCAP', 'RAWSOCKET'].map((method) =>
      at(`chain-${method.toLowerCase()}`, FULL, () => engine('live', `METHOD=${method}`)),
    ),
    at('receive-raw', FULL, () => engine('receive', 'METHOD=RAW')),
    at('minimal-raw', FULL, () => minimal.start(pair.right, 'raw', BUFFER)),
    at('minimal-blocks', FULL, () => minimal.start(pair.right, 'blocks', BUFFER)),
    ...[2, 8, 128].map((size) => at(`chain-${size}m`, FULL, () => engine('live', `BUFFER=${size}M`))),
  ];
}

/** What stands beside the receiver in C that takes packets the same way, in the same run. */
const BESIDE: readonly (readonly [string, string])[] = [
  ...RATES.flatMap((rate) =>
    ['receive', 'chain'].map((name) => [`live/${name}-${rate / 1000}k`, `live/minimal-${rate / 1000}k`] as const),
  ),
  ['live/receive-raw-400k', 'live/minimal-raw-400k'],
  ['live/chain-raw-400k', 'live/minimal-raw-400k'],
];

/** The rows that the goals are about: default settings. */
const JUDGED = /^live\/(chain-\d+k|receive-\d+k|pauses)\//;

async function compare(bench: Bench, pair: Pair): Promise<void> {
  const minimal = new Minimal();
  try {
    const wanted = cases(pair, minimal).filter(({ name }) => bench.wants(name));
    const found = await interleave(bench, wanted, Math.min(MOST_ROUNDS, bench.rounds));
    const values = new Map(wanted.map(({ name }, i) => [name, new Map(found[i])]));
    for (const [name, base] of BESIDE) {
      const [own, other] = [values.get(name)?.get('cpu'), values.get(base)?.get('cpu')];
      if (own && other) {
        values.get(name)!.set(
          'to-minimal',
          own.map((each, i) => each / other[i]!),
        );
      }
    }
    for (const [name, figures] of values) {
      for (const [what, each] of figures) report(bench, `${name}/${what}`, UNITS[what]!, each);
    }
  } finally {
    minimal.remove();
  }
}

function report(bench: Bench, name: string, unit: string, values: readonly number[]): void {
  const goal = JUDGED.test(name) ? GOALS[name.slice(name.lastIndexOf('/') + 1)] : undefined;
  bench.report({ name, unit, values, ...(goal !== undefined && { goal }) });
}

/** Pauses of the collection of garbage while packets come at the full rate, and what is lost in so long a time. */
async function pauses(bench: Bench, pair: Pair): Promise<void> {
  const seconds = bench.quick ? LONG_QUICK : LONG;
  bench.progress(`live/pauses: ${seconds} s`);
  const receiver = await startEngine(pair.right, 'live', []);
  try {
    const { sent, taken, received, processor, after } = await expose(receiver, pair, FULL, seconds);
    const found = after.pauses;
    const figures = {
      offered: sent / taken,
      lost: ((sent - received) / sent) * 100,
      cpu: processor / received,
      pauses: found.length,
      'pause-p99': found.length === 0 ? 0 : percentile(found, 99),
      'pause-max': Math.max(0, ...found),
    };
    for (const [what, value] of Object.entries(figures)) report(bench, `live/pauses/${what}`, UNITS[what]!, [value]);
  } finally {
    await receiver.end();
  }
}

async function run(bench: Bench): Promise<void> {
  const pair = new Pair();
  try {
    await compare(bench, pair);
    if (bench.wants('live/pauses')) await pauses(bench, pair);
  } finally {
    pair.remove();
  }
}

export const live: Suite = {
  name: 'live',
  summary: 'a gateway that receives GRE over a veth pair, beside a receiver in C; its pauses; as root',
  missing: () => noNamespaces || undefined,
  run,
};
