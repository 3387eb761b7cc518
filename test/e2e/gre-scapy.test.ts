import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { type Daemon, runDaemon } from './daemon.js';
import { SIMULATED } from './gateway.js';
import { greGraph } from './gre-graph.js';
import { ip, noNamespaces, Pair } from './netns.js';

/** Debian's own, which python3-scapy is installed for. */
const PYTHON = '/usr/bin/python3';
const PEER = fileURLToPath(new URL('../../../test/e2e/gre_peer.py', import.meta.url));
const FARM = fileURLToPath(new URL('../../../config/farm.click', import.meta.url));

function noScapy(): string | false {
  try {
    execFileSync(PYTHON, ['-c', 'import scapy.layers.l2'], { stdio: 'ignore' });
    return false;
  } catch {
    return `${PYTHON} has no scapy: install the Debian package python3-scapy`;
  }
}

const skip = noNamespaces || noScapy();
if (skip) console.error(`SKIPPED: GRE of scapy: ${skip}`);

t.setTimeout(200_000);

const ROUTER = '192.0.2.1';
const ATTACKER = '198.51.100.1';

/** Fields of scapy's GRE, by its names. */
type Gre = Readonly<Partial<Record<string, number>>>;

/** What the peer is told to do; gre_peer.py says what the words mean. */
interface Talk {
  readonly name: string;
  readonly kind: 'ping' | 'http' | 'send';
  readonly outer: Readonly<Record<string, string | number>>;
  readonly inner: Readonly<Record<string, string | number>>;
  readonly gre?: Gre;
  readonly size?: number;
  readonly cut?: number;
  readonly lie?: number;
}

interface Answer {
  readonly checksum: boolean;
  readonly key: number | null;
  readonly sequence: number | null;
  readonly otherBits: readonly number[];
  readonly protocol: number;
  readonly outer: { readonly ttl: number; readonly flags: string };
  readonly sound: boolean;
  readonly icmp?: { readonly type: number; readonly id: number; readonly seq: number; readonly payload: string };
  readonly tcp?: { readonly flags: string; readonly payload: string };
}

interface Heard {
  readonly answers: Readonly<Record<string, readonly Answer[]>>;
  readonly strays: readonly string[];
}

/** The payload that the peer gives its echo requests, in hexadecimal. */
const payload = (size: number) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7) & 0xff)).toString('hex');

/**
 * A pair of namespaces: in the left one scapy plays the router, in the right one is the gateway. The left kernel has no
 * address, so that it says nothing to what scapy is to receive.
 */
function wire(t: Test, ...addresses: string[]): Pair {
  const pair = new Pair();
  t.teardown(() => pair.remove());
  const { left, right, name } = pair;
  ip('-n', left, 'addr', 'flush', 'dev', name);
  for (const address of addresses) ip('-n', right, 'addr', 'add', `${address}/24`, 'dev', name);
  for (const neighbour of [ROUTER, '192.0.2.9'])
    ip('-n', right, 'neigh', 'add', neighbour, 'lladdr', '02:00:00:00:00:01', 'dev', name, 'nud', 'permanent');
  // What the kernel would say about protocols it does not know must not be kept back.
  for (const setting of ['icmp_ratelimit', 'ip_forward'])
    ip('netns', 'exec', right, 'sh', '-c', `echo 0 > /proc/sys/net/ipv4/${setting}`);
  return pair;
}

/** Lets scapy talk. Gives what it heard; throws what it complained of. */
function talk(t: Test, pair: Pair, talks: readonly Talk[]): Promise<Heard> {
  const child: ChildProcess = spawn('ip', ['netns', 'exec', pair.left, PYTHON, PEER]);
  t.teardown(() => child.kill('SIGKILL'));
  const order = { interface: pair.name, mac: '02:00:00:00:00:01', peer_mac: '02:00:00:00:00:02', talks };
  let out = '';
  let err = '';
  child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
    out += piece;
  });
  child.stderr!.setEncoding('utf8').on('data', (piece: string) => {
    err += piece;
  });
  child.stdin!.end(JSON.stringify(order));
  return new Promise((resolve, reject) => {
    child.on('close', (status) => {
      if (status === 0) resolve(JSON.parse(out) as Heard);
      else reject(new Error(`${PEER} ended with ${status}: ${err}`));
    });
  });
}

/** How many packets each GreTunnel has dropped, by reason. */
async function allDrops(daemon: Daemon, names: readonly string[]) {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await daemon.drops(name)] as const)));
}

/** A tunnel of the gateway: what GreTunnel is told, what scapy sends to it, and what must come back. */
interface Variant {
  readonly local: string;
  readonly options?: string;
  readonly gre: Gre;
  readonly checksum?: boolean;
  readonly key?: number;
  readonly sequence?: boolean;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  plain: { local: '192.0.2.11', gre: {} },
  key: { local: '192.0.2.12', options: 'KEY 3735928559', gre: { key_present: 1, key: 0xdeadbeef }, key: 0xdeadbeef },
  checksum: { local: '192.0.2.13', options: 'CHECKSUM true', gre: { chksum_present: 1 }, checksum: true },
  key_checksum: {
    local: '192.0.2.14',
    options: 'KEY 0, CHECKSUM true',
    gre: { key_present: 1, key: 0, chksum_present: 1 },
    key: 0,
    checksum: true,
  },
  sequence: {
    local: '192.0.2.15',
    options: 'SEQUENCE true',
    gre: { seqnum_present: 1, sequence_number: 0 },
    sequence: true,
  },
  all: {
    local: '192.0.2.16',
    options: 'KEY 7, CHECKSUM true, SEQUENCE true',
    gre: { key_present: 1, key: 7, chksum_present: 1, seqnum_present: 1, sequence_number: 0 },
    key: 7,
    checksum: true,
    sequence: true,
  },
};
const NAMES = Object.keys(VARIANTS);

/** What a tunnel with options must also take: RFC 2784 has options of each packet, not of a tunnel. */
const TOLERATED: Readonly<Record<string, readonly [tunnel: string, gre: Gre]>> = {
  'a key nobody asked for': ['plain', { key_present: 1, key: 5 }],
  'a checksum nobody asked for': ['plain', { chksum_present: 1 }],
  'no checksum where we send one': ['checksum', {}],
  'no sequence number where we send one': ['sequence', {}],
  'reserved bits that are to be ignored': ['plain', { recursion_control: 3, flags: 0x1f }],
};

/** What must be dropped: the tunnel it goes to, the reason counted there, and what is done to it. */
const REFUSED: Readonly<Record<string, readonly [tunnel: string, reason: string, what: Partial<Talk>]>> = {
  'wrong key': ['key', 'gre-key', { gre: { key_present: 1, key: 0xdeadbeee } }],
  'no key': ['key', 'gre-key', {}],
  'wrong checksum': ['checksum', 'gre-checksum', { gre: { chksum_present: 1, chksum: 0x1234 } }],
  'wrong checksum, right key': [
    'key_checksum',
    'gre-checksum',
    { gre: { chksum_present: 1, chksum: 0x1234, key_present: 1, key: 0 } },
  ],
  'sequence number again': ['sequence', 'gre-sequence', { gre: { seqnum_present: 1, sequence_number: 1 } }],
  'PPTP, version 1': ['plain', 'gre-pptp', { gre: { version: 1, proto: 0x880b, key_present: 1, key: 0x00540001 } }],
  'version 2': ['plain', 'gre-version', { gre: { version: 2 } }],
  'routing bit': ['plain', 'gre-routing', { gre: { routing_present: 1 } }],
  'strict source route': ['plain', 'gre-reserved', { gre: { strict_route_source: 1 } }],
  'IPv6, protocol 0x86dd': ['plain', 'gre-protocol', { gre: { proto: 0x86dd } }],
  'first fragment': ['plain', 'outer-fragment', { outer: { flags: 'MF' } }],
  'later fragment': ['plain', 'outer-fragment', { outer: { frag: 3 } }],
  'cut inside the GRE header': ['plain', 'gre-truncated', { gre: { key_present: 1, key: 1 }, cut: 26 }],
  'cut before the GRE header': ['plain', 'gre-truncated', { cut: 22 }],
  'shorter than it says': ['plain', 'ip-total-length', { lie: 9 }],
  'not the router': ['plain', 'gre-peer', { outer: { src: '192.0.2.9' } }],
};

const outer = (tunnel: string) => ({ src: ROUTER, dst: VARIANTS[tunnel]!.local });
const inner = (place: number) => ({ src: ATTACKER, dst: `10.99.0.${place}` });

t.test('GRE made by scapy', { skip, timeout: 120_000 }, async (t) => {
  const pair = wire(t, ...NAMES.map((name) => VARIANTS[name]!.local));
  const ahead = await talk(t, pair, [
    { name: 'x', kind: 'send', outer: outer('plain'), inner: inner(1), gre: {} },
    { name: 'y', kind: 'send', outer: outer('plain'), inner: inner(1), gre: { version: 2 } },
  ]);
  const unreachable = /192.0.2.11 > 192.0.2.1 ICMP type 3 code 2/;
  t.match(ahead.strays, [unreachable, unreachable], 'left alone, the kernel says that it does not know GRE');

  const daemon = await runDaemon(t, pair.right, greGraph(t, ROUTER, VARIANTS));
  t.comment('the gateway runs');
  const asked: Talk[] = NAMES.flatMap((name): Talk[] => {
    const { gre } = VARIANTS[name]!;
    // A sequence number above those before; the connection counts on from it.
    const numbered = (number: number): Gre => (gre.seqnum_present ? { ...gre, sequence_number: number } : gre);
    const to = { outer: outer(name), inner: inner(2) };
    return [
      { ...to, name: `${name}: ping`, kind: 'ping', gre: numbered(0) },
      { ...to, name: `${name}: odd ping`, kind: 'ping', gre: numbered(1), size: 1301, inner: inner(3) },
      { ...to, name: `${name}: http`, kind: 'http', gre: numbered(1) },
    ];
  });
  for (const [name, [tunnel, gre]] of Object.entries(TOLERATED))
    asked.push({ name, kind: 'ping', outer: outer(tunnel), inner: inner(4), gre });
  let place = 10;
  for (const [name, [tunnel, , what]] of Object.entries(REFUSED))
    asked.push({ name, kind: 'send', inner: inner(place++), ...what, outer: { ...outer(tunnel), ...what.outer } });
  // Packets come in order: when this one is answered, those before have been seen.
  for (const name of ['plain', 'checksum'])
    asked.push({ name: `${name}: last`, kind: 'ping', outer: outer(name), inner: inner(5), gre: VARIANTS[name]!.gre });

  const heard = await talk(t, pair, asked);
  for (const [name, { checksum = false, key = null, sequence = false }] of Object.entries(VARIANTS)) {
    t.test(`${name}: the answers`, async (t) => {
      const [ping, odd, web] = ['ping', 'odd ping', 'http'].map((kind) => heard.answers[`${name}: ${kind}`]!);
      const all = [...ping!, ...odd!, ...web!];
      for (const answer of all) {
        t.match(answer, { checksum, key, otherBits: [0, 0, 0, 0, 0], protocol: 0x0800, sound: true });
        t.match(answer.outer, { flags: 'DF', ttl: 64 });
      }
      const numbers = all.map((answer) => answer.sequence);
      if (sequence) t.same(numbers.slice(0, 3), [0, 1, 2], 'sequence numbers count from 0');
      else t.same(new Set(numbers), new Set([null]));
      t.same(
        ping!.map(({ icmp }) => icmp),
        [{ type: 0, id: 0x4711, seq: 1, payload: payload(56) }],
      );
      t.same(
        odd!.map(({ icmp }) => icmp),
        [{ type: 0, id: 0x4711, seq: 1, payload: payload(1301) }],
      );
      t.equal(web![0]!.tcp?.flags, 'SA');
      const text = web!.map(({ tcp }) => tcp!.payload).join('');
      t.match(text, /^HTTP\/1\.[01] 200 OK\r\n[\s\S]*<html/i);
    });
  }
  for (const [name, [tunnel]] of Object.entries(TOLERATED)) {
    const { checksum = false, key = null } = VARIANTS[tunnel]!;
    t.match(heard.answers[name], [{ checksum, key, sound: true, icmp: { payload: payload(56) } }], `takes ${name}`);
  }
  t.match(heard.answers['wrong key'], [{ sound: true }], 'scapy tells what is sound');
  t.match(heard.answers['wrong checksum'], [{ sound: false }], 'from what is not');
  t.same(heard.strays, [], 'nothing else comes: no answer to what is refused, nothing from the kernel');

  const expected: Record<string, Record<string, number>> = Object.fromEntries(NAMES.map((name) => [name, {}]));
  for (const [tunnel, reason] of Object.values(REFUSED))
    expected[tunnel]![reason] = (expected[tunnel]![reason] ?? 0) + 1;
  t.same(await allDrops(daemon, NAMES), expected, 'each is counted at its tunnel, by reason');
  t.match(await daemon.end(), { status: 0 });
});

t.test('the default graph and scapy', { skip, timeout: 60_000 }, async (t) => {
  const pair = wire(t);
  const defines = ['LOCAL=192.0.2.2', `ROUTER=${ROUTER}`, 'TARGETS=0'].flatMap((define) => ['-D', define]);
  const daemon = await runDaemon(t, pair.right, FARM, ...SIMULATED, ...defines);
  const to = { outer: { src: ROUTER, dst: '192.0.2.2' }, inner: inner(2) };
  const heard = await talk(t, pair, [
    { ...to, name: 'ping', kind: 'ping' },
    { ...to, name: 'http', kind: 'http', inner: inner(3) },
  ]);
  t.match(heard.answers.ping, [{ sound: true, checksum: false, key: null, sequence: null, icmp: { type: 0 } }]);
  t.match(heard.answers.http!.map(({ tcp }) => tcp!.payload).join(''), '200 OK');
  t.same(heard.strays, []);
  t.same(await daemon.drops('tunnel'), {});
  t.match(await daemon.end(), { status: 0 });
});
