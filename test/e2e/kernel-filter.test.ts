import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { nft } from '../../src/control/filter/nft.js';
import { REASONS, type TunnelFacts } from '../../src/control/filter/plan.js';
import { runDaemon } from './daemon.js';
import { CASES, CONTACTS } from './filter-cases.js';
import { Wire, wrapped } from './filter-rig.js';
import { SIMULATED } from './gateway.js';
import { plainly, run, until } from './lab-rig.js';
import { noNamespaces } from './netns.js';
import { LEFT, RIGHT } from './packets.js';

const skip = noNamespaces;
if (skip) console.error(`SKIPPED: the kernel's filter: ${skip}`);

const ends = { local: RIGHT, remote: LEFT };
const KEY = 0xdeadbeef;
const WAYS: Readonly<Record<string, TunnelFacts | undefined>> = {
  'plain IPv4': undefined,
  GRE: { ...ends, checksum: false, sequence: false },
  'GRE with a key': { ...ends, key: KEY, checksum: false, sequence: false },
  'GRE with a checksum': { ...ends, checksum: true, sequence: false },
  'GRE with sequence numbers': { ...ends, checksum: false, sequence: true },
  'GRE with everything': { ...ends, key: KEY, checksum: true, sequence: true },
};

for (const [way, tunnel] of Object.entries(WAYS)) {
  t.test(`${way}: this layer alone lets out what it must, and no more`, { skip }, async (t) => {
    const wire = new Wire(t);
    await wire.load(tunnel);
    const back = tunnel && { ...tunnel, local: tunnel.remote, remote: tunnel.local };
    for (const { packet } of Object.values(CASES)) {
      // Before anybody has contacted a clone no answer leaves; fragments are left out, since they would be remembered.
      if ((packet[6]! & 0x3f) === 0 && packet[9] === 17) wire.inside(wrapped(packet, tunnel));
    }
    t.same(await wire.arrived(), [], 'nobody is answered who has not asked');

    for (const packet of CONTACTS) wire.outside(wrapped(packet, back));
    await wire.noted();
    const before = await wire.counted();
    for (const [name, { packet, reason }] of Object.entries(CASES)) {
      const sent = wrapped(packet, tunnel);
      wire.inside(sent);
      t.same(
        await wire.arrived(),
        reason ? [] : [Buffer.from(sent).toString('hex')],
        `${reason ? 'stops' : 'lets out'} ${name}`,
      );
    }
    const after = await wire.counted();
    for (const reason of Object.keys(REASONS)) {
      // The kernel has IPv6 to say.
      if (reason === 'other') continue;
      const expected = Object.values(CASES).filter((each) => each.reason === reason).length;
      t.equal(after[reason]! - before[reason]!, expected, `${expected} are counted: ${reason}`);
    }
  });
}

const gre: TunnelFacts = { ...ends, checksum: false, sequence: false };
const toRouter = { ...gre, local: LEFT, remote: RIGHT };
const STRANGER = 0xc0000209;

t.test('what is no packet of the tunnel', { skip }, async (t) => {
  const wire = new Wire(t);
  const key: TunnelFacts = { ...gre, key: KEY };
  await wire.load(key);
  const { packet } = CASES['a connection that the ceiling names']!;
  const good = wrapped(packet, key);
  const changed = (bytes: Readonly<Record<number, number>>) => {
    const other = good.slice();
    for (const [at, value] of Object.entries(bytes)) other[Number(at)] = value;
    return other;
  };
  const cases: Readonly<Record<string, Uint8Array>> = {
    'another outer destination': wrapped(packet, { ...key, remote: STRANGER }),
    'another outer source': wrapped(packet, { ...key, local: STRANGER }),
    'another key': wrapped(packet, { ...key, key: KEY + 1 }),
    'no key': wrapped(packet, gre),
    'a checksum that is not configured': wrapped(packet, { ...key, checksum: true }),
    'no GRE at all': packet,
    'another protocol in the outer header': changed({ 9: 4 }),
    'options in the outer header': changed({ 0: 0x46 }),
    'a first fragment': changed({ 6: 0x20 }),
    'a later fragment': changed({ 7: 3 }),
    'Ethernet in GRE': changed({ 22: 0x65, 23: 0x58 }),
    'a routing bit': changed({ 20: 0x60 }),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    wire.inside(bytes);
    t.same(await wire.arrived(), [], name);
  }
  wire.inside(good);
  t.equal((await wire.arrived()).length, 1, 'a packet of the tunnel');
  const ping = spawnSync('ping', ['-n', '-c', '1', '-W', '1', '192.0.2.1']);
  t.not(ping.status, 0, 'nothing of the kernel itself leaves');
  t.same(await wire.arrived(), []);
  const neighbours = execFileSync('ip', ['neigh'], { encoding: 'utf8' });
  t.match(neighbours, /192\.0\.2\.1 dev leg lladdr 02:00:00:00:00:01/, 'but ARP does');
  // The kernel has IPv6 to say as well.
  t.ok((await wire.counted()).other! > Object.keys(cases).length, 'all of it is counted');
});

t.test('an interface that others use, too', { skip }, async (t) => {
  const wire = new Wire(t);
  await wire.load(gre, { whole: false });
  const ping = spawnSync('ping', ['-n', '-c', '1', '-W', '5', '192.0.2.1']);
  t.equal(ping.status, 0, 'the host is left alone');
  await wire.arrived();
  const { packet } = CASES['a connection that the ceiling names']!;
  wire.inside(wrapped(packet, { ...gre, remote: STRANGER }), wrapped(packet, { ...gre, local: STRANGER }));
  wire.inside(wrapped(CASES['a UDP answer']!.packet, gre));
  t.same(await wire.arrived(), [], 'the tunnel is not');
  wire.inside(wrapped(packet, { ...gre, local: STRANGER, remote: STRANGER }));
  t.equal((await wire.arrived()).length, 1, 'a tunnel of somebody else is');
});

t.test('a flood of contacts keeps nobody from going on who was answered', { skip }, async (t) => {
  const wire = new Wire(t);
  await wire.load(gre);
  wire.outside(wrapped(CONTACTS[3]!, toRouter));
  await wire.noted();
  const answer = wrapped(CASES['an echo reply']!.packet, gre);
  wire.inside(answer);
  t.equal((await wire.arrived()).length, 1, 'somebody is answered');

  // As many as there is room for, and some more.
  const contact = wrapped(CONTACTS[3]!, toRouter);
  const view = new DataView(contact.buffer);
  const most = (1 << 17) + 1000;
  for (let sent = 0; sent < most; ) {
    const burst: Uint8Array[] = [];
    for (; burst.length < 800 && sent < most; sent++) {
      view.setUint32(36, 0x0b000000 + sent);
      burst.push(contact.slice());
    }
    wire.outside(...burst);
    // Who sends more at once than the kernel keeps loses some.
    await wire.noted();
  }
  t.ok((await wire.counted()).unnoted! >= 1000, 'contacts beyond the bound are counted');
  wire.inside(answer);
  t.equal((await wire.arrived()).length, 1, 'whoever was answered before still is');
});

t.test('a new table takes the place of the old one, and knows nobody', { skip }, async (t) => {
  const wire = new Wire(t);
  await wire.load(gre);
  wire.outside(wrapped(CONTACTS[2]!, toRouter));
  await wire.noted();
  await wire.load(gre);
  wire.inside(wrapped(CASES['a UDP answer']!.packet, gre));
  t.same(await wire.arrived(), []);
  t.match(await wire.counted(), { uncontacted: 1, passed: 1 }, 'what passed is the marker');
});

const CONFIG = fileURLToPath(new URL('../../../config/', import.meta.url));
const DEFINES = [...SIMULATED, '-D', 'LOCAL=192.0.2.2', '-D', 'ROUTER=192.0.2.1', '-D', 'TARGETS=0'];
const ECHO = wrapped(CONTACTS[3]!, toRouter);
const ECHO_REPLY = Buffer.from(CASES['an echo reply']!.packet).subarray(12, 21).toString('hex');

/** The default graph, and in it something that sends past all policy. */
function leaking(t: Test): string {
  const graph = readFileSync(join(CONFIG, 'farm.click'), 'utf8');
  const data = Buffer.from(CASES['another server']!.packet).toString('hex');
  const others = readdirSync(CONFIG).map((name) => [name, t.fixture('symlink', join(CONFIG, name))] as const);
  const leak = `${graph}\nTimedSource(0.02s, DATA \\<${data}>) -> tunnel;\n`;
  return join(t.testdir({ ...Object.fromEntries(others), 'leak.click': leak }), 'leak.click');
}

t.test('a gateway that sends past all policy', { skip, timeout: 120_000 }, async (t) => {
  const wire = new Wire(t);
  // Not in the test's own folder, which is made anew for the graph.
  const state = mkdtempSync(join(tmpdir(), 'potemkin-filter-'));
  t.teardown(() => rmSync(state, { recursive: true }));
  const daemon = await runDaemon(t, wire.pair.right, leaking(t), ...DEFINES, '--state', state);
  const leaked = Buffer.from(CASES['another server']!.packet).toString('hex');
  const seen: string[] = [];
  const listen = () => {
    seen.push(...wire.take());
    return seen;
  };
  const isAnswer = (packet: string) => packet.includes(ECHO_REPLY);
  wire.outside(ECHO);
  await until('a clone to answer', () => listen().some(isAnswer));
  await until(
    'the kernel to stop packets',
    async () => (await daemon.metric('potemkin_kernel_filter_packets_total', /uncontacted/)) > 10,
  );
  t.same(
    listen().filter((packet) => packet.includes(leaked)),
    [],
    'nothing of it arrives, while a clone is answered',
  );
  const told = /warning: kernel filter: stopped packets that the export policy had let out: \d+ \(it may leave/;
  await until('it to tell', () => told.test(daemon.said()));
  t.equal(await daemon.metric('potemkin_kernel_filter_up'), 1);
  t.ok((await daemon.metric('potemkin_kernel_filter_packets_total', /passed/)) >= 1);

  await nft(['insert', 'rule', 'netdev', 'potemkin', 'leave0', 'accept']);
  await until('it to notice', () => /error: kernel filter: the table was changed; nothing leaves/.test(daemon.said()));
  await until('the table to be back', async () => (await daemon.metric('potemkin_kernel_filter_up')) === 1);
  const there = await nft(['list', 'chain', 'netdev', 'potemkin', 'leave0']);
  t.notMatch(there, /^\s*accept/m);
  listen();
  seen.length = 0;
  wire.outside(ECHO);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.same(listen(), [], 'nothing leaves any more, not even answers, until a person has looked');

  await nft(['delete', 'table', 'netdev', 'potemkin']);
  await until('the table to be back again', () => nft(['list', 'table', 'netdev', 'potemkin']).catch(() => undefined));
  t.match(await daemon.end(), { status: 1 }, 'the run had errors');
  await t.rejects(nft(['list', 'table', 'netdev', 'potemkin']), /No such file/, 'an end in order removes the table');
});

t.test('a run without a filter', { skip, timeout: 120_000 }, async (t) => {
  const wire = new Wire(t);
  const graph = join(CONFIG, 'farm.click');
  const command = ['run', graph, ...DEFINES, '--netns', wire.pair.right, '--listen', 'off'];
  const hidden = 'mount --bind /dev/null "$(command -v nft)"; exec "$@"';
  const refused = await run('unshare', ['--mount', 'sh', '-c', hidden, 'sh', ...plainly(...command).flat()]);
  t.match(refused, { status: 1, err: 'the kernel filter needs nft, which may not be executed' });
  t.notMatch(refused.err, / runs/);
  t.match(await run(...plainly(...command, '--filter', 'maybe')), {
    status: 1,
    err: 'Allowed choices are on, off',
  });

  const daemon = await runDaemon(t, wire.pair.right, graph, ...DEFINES, '--filter', 'off');
  t.match(daemon.said(), /warning: kernel filter: it is switched off: nothing but this process keeps in/);
  await t.rejects(nft(['list', 'table', 'netdev', 'potemkin']), /No such file/);
  t.match(await daemon.end(), { status: 0 });
});
