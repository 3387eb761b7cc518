/**
 * What each driver loses, and what a packet costs it, at offered rates over a veth pair. Needs root. Then the latency
 * of a lone packet by how the ring hands packets over.
 *
 *   node dist/bench/drivers.js [PACKETS-PER-SECOND…]
 *
 * Packets are GRE of 100 bytes. Processor time is user and system time of the receiving process and its helpers.
 * On a veth pair the kernel's receive path runs in the sender's system call, so it is not in there.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { native } from '../src/native/addon.js';
import { BATCH } from '../src/packet/columns.js';
import { Driver, METHODS, type Method } from '../src/packet/drivers/driver.js';
import { Packets } from '../src/packet/packets.js';
import { Pair } from '../test/e2e/netns.js';
import { add, packet, RIGHT } from '../test/e2e/packets.js';

const RATES = [100_000, 200_000, 400_000];
const SECONDS = 1;
const GRE = 47;
const SIZE = 100;
/** Packets of one system call of the sender. */
const BURST = 32;
const LONE = 300;
/** Clock ticks of /proc/PID/stat. */
const TICK = 10_000;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The sender's process: offers packets at a rate for a time, and tells how many were sent. */
async function offer(space: string, rate: number, seconds: number): Promise<void> {
  native.enterNamespace(space);
  const link = native.openLink('leg', Uint8Array.of(2, 0, 0, 0, 0, 2));
  const packets = new Packets();
  for (let i = 0; i < BURST; i++) add(packets, packet({ size: SIZE, protocol: GRE, id: i + 1 }));
  const rows = Uint16Array.from({ length: BURST }, (_, i) => i);
  const start = performance.now();
  let sent = 0;
  for (let now = start; now < start + seconds * 1000; now = performance.now()) {
    while (sent < ((now - start) / 1000) * rate) sent += Math.max(0, link.send(packets.bytes, rows, BURST));
  }
  process.send?.({ sent, seconds: (performance.now() - start) / 1000 });
  process.disconnect?.();
}

/** µs of processor time of this process and of all its children but one. */
function processorTime(except: number): number {
  const { user, system } = process.cpuUsage();
  let total = user + system;
  for (const task of readdirSync('/proc/self/task')) {
    const children = readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean);
    for (const child of children.filter((pid) => Number(pid) !== except)) {
      const fields = readFileSync(`/proc/${child}/stat`, 'utf8').split(') ')[1]!.split(' ');
      total += (Number(fields[11]) + Number(fields[12])) * TICK;
    }
  }
  return total;
}

async function measure(pair: Pair, method: Method, retire: number, rate: number): Promise<Record<string, unknown>> {
  const driver = new Driver({ interface: 'leg', method, protocol: GRE, local: RIGHT, retire });
  const packets = new Packets();
  let received = 0;
  driver.onReadable(() => {
    packets.reset();
    received += driver.receive(packets, BATCH);
  });
  // A helper process needs a while to start.
  await sleep(500);
  const sender = fork(process.argv[1]!, ['offer', pair.left, String(rate), String(SECONDS)]);
  const before = processorTime(sender.pid!);
  const [{ sent, seconds }] = (await once(sender, 'message')) as [{ sent: number; seconds: number }];
  await sleep(300);
  const cpu = processorTime(sender.pid!) - before;
  driver.close();
  return {
    driver: retire === 0 ? method : `${method}, blocks of ${retire} ms`,
    'offered a second': Math.round(sent / seconds),
    'lost %': Number((((sent - received) / sent) * 100).toFixed(2)),
    'µs a packet': Number((cpu / received).toFixed(2)),
  };
}

/** Microseconds from the sending of a lone packet until its row is there. */
async function latency(pair: Pair, retire: number): Promise<Record<string, unknown>> {
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
  times.sort((a, b) => a - b);
  return {
    ring: retire === 0 ? 'a frame a packet' : `blocks of ${retire} ms`,
    'median µs': Math.round(times[LONE >> 1]!),
    '95 % µs': Math.round(times[Math.floor(LONE * 0.95)]!),
  };
}

if (process.argv[2] === 'offer') {
  await offer(process.argv[3]!, Number(process.argv[4]), Number(process.argv[5]));
} else {
  const rates = process.argv.length > 2 ? process.argv.slice(2).map(Number) : RATES;
  const pair = new Pair();
  try {
    native.enterNamespace(pair.right);
    const rows: Record<string, unknown>[] = [];
    for (const rate of rates) {
      rows.push(await measure(pair, 'RING', 2, rate));
      for (const method of Object.keys(METHODS) as Method[]) rows.push(await measure(pair, method, 0, rate));
    }
    console.table(rows);
    console.table([await latency(pair, 0), await latency(pair, 1), await latency(pair, 2), await latency(pair, 4)]);
  } finally {
    pair.remove();
  }
}
