import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { native } from '../../src/native/addon.js';
import { BATCH } from '../../src/packet/columns.js';
import { Driver, METHODS, type Method } from '../../src/packet/drivers/driver.js';
import { Packets } from '../../src/packet/packets.js';
import { Pair } from '../../test/e2e/netns.js';
import { add, packet, RIGHT } from '../../test/e2e/packets.js';
import { type Bench, type Case, interleave, median, type Suite, type Values } from '../suite.js';

const OFFER = fileURLToPath(new URL('../offer.js', import.meta.url));

/** Packets a second. */
const RATES = [100_000, 200_000, 400_000];
const SECONDS = 1;
const GRE = 47;
const SIZE = 100;
const LONE = 200;
/** The clock tick of /proc/PID/stat, in ns. */
const TICK = 1e7;
const UNITS: Readonly<Record<string, string>> = { lost: '%', offered: 'packets/s', cpu: 'ns/packet', latency: 'us' };

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Processor time (ns) of this process and of all its children but one. */
function processorTime(except: number): number {
  const { user, system } = process.cpuUsage();
  let total = (user + system) * 1000;
  for (const task of readdirSync('/proc/self/task')) {
    const children = readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean);
    for (const child of children.filter((pid) => Number(pid) !== except)) {
      const fields = readFileSync(`/proc/${child}/stat`, 'utf8').split(') ')[1]!.split(' ');
      total += (Number(fields[11]) + Number(fields[12])) * TICK;
    }
  }
  return total;
}

/** Receives what is offered for a while. On a veth pair the kernel's receive path runs in the sender, so it is not counted. */
async function receive(pair: Pair, method: Method, retire: number, rate: number): Promise<Values> {
  const driver = new Driver({ interface: 'leg', method, protocol: GRE, local: RIGHT, retire });
  const packets = new Packets();
  let received = 0;
  driver.onReadable(() => {
    packets.reset();
    received += driver.receive(packets, BATCH);
  });
  // A helper process needs a while to start.
  await sleep(500);
  const sender = fork(OFFER, [pair.left, String(rate), String(SECONDS)]);
  const before = processorTime(sender.pid!);
  const [{ sent, seconds }] = (await once(sender, 'message')) as [{ sent: number; seconds: number }];
  await sleep(300);
  const cpu = processorTime(sender.pid!) - before;
  driver.close();
  return new Map([
    ['offered', sent / seconds],
    ['lost', ((sent - received) / sent) * 100],
    ['cpu', cpu / received],
  ]);
}

/** Microseconds from the sending of a lone packet until its row is there. */
async function latency(pair: Pair, retire: number): Promise<Values> {
  native.enterNamespace(pair.left);
  const link = native.openLink('leg', Uint8Array.of(2, 0, 0, 0, 0, 2));
  native.enterNamespace(pair.right);
  const driver = new Driver({ interface: 'leg', protocol: GRE, local: RIGHT, retire });
  const packets = new Packets();
  const times: number[] = [];
  const row = Uint16Array.of(add(packets, packet({ size: SIZE, protocol: GRE })));
  const inbox = new Packets();
  let arrived = () => {};
  driver.onReadable(() => {
    inbox.reset();
    if (driver.receive(inbox, BATCH) > 0) arrived();
  });
  for (let i = 0; i < LONE; i++) {
    await sleep(1 + Math.random() * 2);
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const start = performance.now();
    link.send(packets.bytes, row, 1);
    await arrival;
    times.push((performance.now() - start) * 1000);
  }
  driver.close();
  link.close();
  return new Map([['latency', median(times)]]);
}

function cases(pair: Pair): Case[] {
  const methods = Object.keys(METHODS) as Method[];
  const named = RATES.flatMap((rate) => [
    ...methods.map((method) => ({ method, retire: 0, rate, label: method.toLowerCase() })),
    { method: 'RING' as const, retire: 2, rate, label: 'ring-blocks' },
  ]);
  return [
    ...named.map(({ method, retire, rate, label }) => ({
      name: `drivers/${label}-${rate / 1000}k`,
      run: () => receive(pair, method, retire, rate),
    })),
    ...[0, 1, 2, 4].map((retire) => ({
      name: `drivers/lone-${retire === 0 ? 'ring' : `blocks-${retire}ms`}`,
      run: () => latency(pair, retire),
    })),
  ];
}

/** Each run takes two seconds, and the bench's own thread enters a namespace: so few runs, and last of all suites. */
const MOST_ROUNDS = 7;

async function run(bench: Bench): Promise<void> {
  const pair = new Pair();
  try {
    native.enterNamespace(pair.right);
    const wanted = cases(pair).filter(({ name }) => bench.wants(name));
    const found = await interleave(bench, wanted, Math.min(MOST_ROUNDS, bench.rounds));
    for (const [i, { name }] of wanted.entries()) {
      for (const [what, values] of found[i]!) bench.report({ name: `${name}/${what}`, unit: UNITS[what]!, values });
    }
  } finally {
    pair.remove();
  }
}

export const drivers: Suite = {
  name: 'drivers',
  summary: 'what each driver loses, and what a packet costs it, at offered rates over a veth pair; as root',
  missing: () => (process.getuid?.() === 0 ? undefined : 'it makes network namespaces, which takes root'),
  run,
};
