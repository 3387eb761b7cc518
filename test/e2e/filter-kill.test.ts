/**
 * A gateway that is killed at any moment lets nothing out afterwards. Its clones talk, to many outsiders and to each other,
 * when it is killed; outside, a sniffer counts what comes after it is gone.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import type { TunnelFacts } from '../../src/control/filter/plan.js';
import { craft } from '../unit/craft.js';
import { Wire, wrapped } from './filter-rig.js';
import { SIMULATED } from './gateway.js';
import { plainly } from './lab-rig.js';
import { noNamespaces } from './netns.js';
import { LEFT, RIGHT } from './packets.js';

const skip = noNamespaces;
if (skip) console.error(`SKIPPED: killing the gateway: ${skip}`);

/** Kills in all, and gateways that run side by side. */
const KILLS = 50;
const LANES = 3;

/** Packets in a burst from outside. */
const BURST = 32;

/** Milliseconds: between two bursts while a gateway starts, and then; and to listen after it is killed. */
const START = 50;
const PAUSE = 5;
const LISTEN = 150;

/** Packets that leave before a kill: so many, and up to so many more. Milliseconds from the last of them to the kill, at most. */
const LEAST = 50;
const PACKETS = 350;
const MOMENT = 10;

const GRAPH = fileURLToPath(new URL('../../../config/farm.click', import.meta.url));
const DEFINES = ['LOCAL=192.0.2.2', 'ROUTER=192.0.2.1', 'TARGETS=0'].flatMap((define) => ['-D', define]);
const run = promisify(execFile);

const INTO: TunnelFacts = { local: LEFT, remote: RIGHT, checksum: false, sequence: false };
const [TCP, UDP, ICMP] = [6, 17, 1];
const [SYN, PUSH_ACK] = [0x02, 0x18];
const CHAIN = 7007;
// Most of what is there plays Linux, with its harmless worm.
const [TELESCOPE, OUTSIDERS] = [0x0a634200, 0xc6336400];

let state = 0x2545f491;
/** The same numbers in each run, below a bound. */
function random(bound: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % bound;
}

/** What somebody outside sends: most of it makes a clone answer at once, some makes it answer again and again. */
function contact(): Buffer {
  const from = { src: OUTSIDERS + 1 + random(6), dst: TELESCOPE + 1 + random(6), sport: 1024 + random(60_000) };
  switch (random(4)) {
    case 0:
      return craft({ ...from, proto: ICMP, icmp: [8, 0], payload: new Uint8Array(random(1000)) });
    case 1:
      return craft({ ...from, proto: UDP, dport: 7, payload: new Uint8Array(random(1000)) });
    case 2:
      return craft({ ...from, proto: TCP, dport: 80, tcpFlags: SYN });
    default:
      return craft({ ...from, proto: TCP, dport: CHAIN, tcpFlags: SYN });
  }
}

/** What the worm of the image linux is told, once its connection is there: to go on to others, from one to the next. */
function order(packet: string): Uint8Array | undefined {
  const inner = Buffer.from(packet, 'hex').subarray(24);
  if (inner[9] !== TCP || inner.readUInt16BE(20) !== CHAIN || inner[33] !== 0x12) return undefined;
  const told = craft({
    proto: TCP,
    src: inner.readUInt32BE(16),
    dst: inner.readUInt32BE(12),
    sport: inner.readUInt16BE(22),
    dport: CHAIN,
    tcpFlags: PUSH_ACK,
    sequence: inner.readUInt32BE(28),
    acknowledgment: inner.readUInt32BE(24) + 1,
    payload: Buffer.from('go 8\n'),
  });
  return wrapped(told, INTO);
}

/** Whether a packet in hexadecimal is of protocol 47, GRE. */
const isTunnelled = (packet: string): boolean => packet.slice(18, 20) === '2f';

/** Packets that have left, before a gateway was killed and after; and what the kernel's filter says then. */
interface Death {
  readonly before: number;
  readonly after: number;
  readonly reflected: boolean;
  readonly passed: number;
  readonly inForce: boolean;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts a gateway, loads it, kills it, and listens. */
async function live(wire: Wire, folder: string): Promise<Death> {
  const enough = LEAST + random(PACKETS);
  const { right } = wire.pair;
  const place = ['--netns', right, '--listen', 'off', '--events', 'json', '--state', folder];
  const child = spawn(...plainly('run', GRAPH, ...SIMULATED, ...DEFINES, ...place), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let dead = false;
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      dead = true;
      resolve();
    });
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    said += piece;
  });
  let before = 0;
  let killed = false;
  const load = () => {
    const orders: Uint8Array[] = [];
    // Until a gateway is there the kernel itself says that it does not know GRE.
    for (const packet of wire.take().filter(isTunnelled)) {
      before++;
      const told = order(packet);
      if (told) orders.push(told);
    }
    // While it starts it needs the processor.
    const burst = before > 0 ? BURST : 1;
    wire.outside(...Array.from({ length: burst }, () => wrapped(contact(), INTO)), ...orders.slice(0, 200));
  };
  while (!dead) {
    load();
    if (before >= enough && !killed) {
      killed = true;
      setTimeout(() => child.kill('SIGKILL'), random(MOMENT));
    }
    await sleep(before > 0 ? PAUSE : START);
  }
  await gone;
  if (!killed) throw new Error(`the gateway ended by itself: ${said}`);
  // What has left until now was on its way when wait() returned.
  before += wire.take().filter(isTunnelled).length;
  let after = 0;
  for (const until = performance.now() + LISTEN; performance.now() < until; await sleep(PAUSE)) {
    wire.outside(...Array.from({ length: BURST }, () => wrapped(contact(), INTO)));
    after += wire.take().length;
  }
  const table = ['netns', 'exec', right, 'nft', '-j', '-t', 'list', 'ruleset', 'netdev'];
  const { stdout } = await run('ip', table, { maxBuffer: 1 << 24 });
  const passed = Number(/"name": "passed"[^}]*"packets": (\d+)/.exec(stdout)?.[1] ?? Number.NaN);
  return {
    before,
    after,
    reflected: said.includes('"verdict":"reflect"'),
    passed,
    inForce: /"policy": "drop"/.test(stdout),
  };
}

t.test(`${KILLS} gateways are killed under load`, { skip, timeout: 280_000 }, async (t: Test) => {
  const folder = mkdtempSync(join(tmpdir(), 'potemkin-kill-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  let left = KILLS;
  const deaths: Death[] = [];
  const lane = async (wire: Wire) => {
    while (left-- > 0) {
      const death = await live(wire, folder);
      deaths.push(death);
      const { before, after, passed } = death;
      t.equal(after, 0, `killed: ${before} packets had left (the kernel counts ${passed}), none does after`);
      t.ok(death.inForce, 'the kernel’s filter is still in force');
      t.ok(passed > 0 && passed <= before, 'and has let pass no more than has arrived');
      // As if something of it were still there, and sent an answer to nobody.
      wire.inside(
        wrapped(craft({ proto: TCP, src: TELESCOPE + 1, dst: OUTSIDERS + 250, sport: 80, dport: 1, tcpFlags: 0x12 }), {
          ...INTO,
          local: RIGHT,
          remote: LEFT,
        }),
      );
      await sleep(20);
      t.same(wire.take(), [], 'nor what is sent in its place');
    }
  };
  const wires = Array.from({ length: LANES }, () => new Wire(t));
  await Promise.all(wires.map(lane));
  const sum = (of: (death: Death) => number) => deaths.reduce((all, death) => all + of(death), 0);
  t.equal(deaths.length, KILLS);
  // What it had to tell last is lost with it, so of many nothing is known.
  const reflecting = deaths.filter(({ reflected }) => reflected).length;
  t.ok(reflecting >= KILLS / 10, `at least ${reflecting} of them told of clones that called each other`);
  t.equal(
    sum(({ after }) => after),
    0,
    `${KILLS} kills: ${sum(({ before }) => before)} packets left before, none after`,
  );
});
