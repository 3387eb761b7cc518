import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseReport } from '../../../src/farm/agent-report.js';
import type { Captive } from '../../../src/farm/backend.js';
import { CAPTURING } from '../../../src/farm/retirement.js';
import { noteVerdict } from '../../../src/farm/universes.js';
import { craft } from '../craft.js';
import { ATTACKER, at } from '../elements/farm-bench.js';
import { hostile, simulated } from './living.js';

const MB = 2 ** 20;

t.test('a clone is bound, lives, is quiet, is captured if it is of interest, and is gone', async (t) => {
  const farm = await simulated(t, 'QUIET 2s, IDLE 10s, KEEP 20s, LATENCY 1s');
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.ping(universe, '10.0.0.2');
  farm.run();
  t.same(farm.states(), { 1: 'binding', 2: 'binding' });
  farm.wait(1);
  t.equal(farm.run().out!.length, 2);
  t.same(farm.states(), { 1: 'live', 2: 'live' });
  farm.wait(2);
  t.same(farm.states(), { 1: 'quiet', 2: 'quiet' });
  t.same([farm.metric('clones', 'quiet'), farm.metric('clones', 'live')], [2, 0]);
  farm.ping(universe, '10.0.0.1');
  t.equal(farm.run().out!.length, 1);
  t.same(farm.states(), { 1: 'live', 2: 'quiet' });

  const clone = universe.clones.get(at('10.0.0.1'))!;
  clone.opened = 2;
  farm.wait(12);
  t.same(farm.states(), { 1: 'quiet' }, 'the one of no interest is gone after IDLE');
  farm.wait(10);
  t.same(farm.states(), { 1: 'captured' });
  t.equal(farm.metric('clones', 'captured'), 1);
  await farm.until('gone', 2);
  t.same(farm.states(), {});
  t.equal(clone.state, 'gone');
  t.match(farm.told('gone'), [
    { clone: 2, ending: 'recycled', reason: 'idle and of no interest' },
    { clone: 1, ending: 'recycled', reason: /^kept long enough; it opened 2 connections/ },
  ]);
  t.match(farm.told('captured'), [{ clone: 1, outcome: 'captured', why: 'opened 2 connections of its own' }]);
  t.equal(farm.told('clone')[0]!.origin, 'warm');
  t.equal(farm.metric('captures', 'captured'), 1);
  t.equal(farm.metric('clones_ended', 'recycled'), 2);
});

t.test('a capture holds memory, traffic, verdicts, and the clones that were before it', async (t) => {
  const farm = await simulated(t, 'IDLE 10s, KEEP 20s');
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.ping(universe, '10.0.0.9');
  farm.run();
  const first = universe.clones.get(at('10.0.0.1'))!;
  farm.wait(5);
  farm.ping(universe, '10.0.0.9', true);
  farm.pingFrom(first, universe, '10.0.0.2');
  farm.run();
  const second = universe.clones.get(at('10.0.0.2'))!;
  second.opened = 1;
  noteVerdict(second, 'reflect.policy:3', 'reflect');
  noteVerdict(second, 'reflect.policy:3', 'reflect');
  farm.wait(21);
  await farm.until('gone', 3);
  await farm.until('captured', 4);
  const records = await farm.records();
  t.strictSame(
    records.map(({ kind, clone }) => [kind, clone?.address]),
    [
      ['clone', '10.0.0.1'],
      ['clone', '10.0.0.9'],
      ['clone', '10.0.0.2'],
      ['universe', undefined],
    ],
  );
  t.match(records[2], {
    reason: 'opened 1 connection of its own, is part of a universe of depth 2',
    ending: /^kept long enough/,
    universe: { source: '198.51.100.7', target: '10.0.0.1', depth: 2 },
    clone: { parent: 1, depth: 2, state: 'captured' },
    chain: [{ address: '10.0.0.1' }],
    image: { name: 'linux', size: MB, sha256: /^[0-9a-f]{64}$/ },
    traffic: { frames: 2, missed: 0 },
    verdicts: [{ rule: 'reflect.policy:3', verdict: 'reflect', flows: 2 }],
    monitor: {
      ...{ score: 20, rating: 'interesting' },
      reasons: ['opened 1 connection of its own', 'is part of a universe of depth 2'],
      payloads: { received: [], sent: [], repeated: [] },
    },
  });
  t.ok(records[2]!.memory!.bytes > 0, 'the pages that it changed');
  t.equal(records[1]!.traffic.frames, 4, 'both ways, on the same wire');
  t.strictSame(records[3]!.tree.map(({ address }) => address).sort(), ['10.0.0.1', '10.0.0.2', '10.0.0.9']);
  t.equal(records[3]!.traffic.frames, 2 + 4 + 2, 'of those that had ended before, too');
  t.equal(farm.element.metrics.recorded_bytes.value > 0, true);
  farm.wait(1);
  t.equal(farm.element.metrics.recorded_bytes.value, 0, 'nothing is left when the universe is');
});

const tshark = spawnSync('tshark', ['--version']).status === 0;
t.test('the capture of a universe opens in tshark', { skip: tshark ? false : 'tshark is not there' }, async (t) => {
  const farm = await simulated(t, 'IDLE 1s, KEEP 1s');
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.run();
  farm.pingFrom(universe.clones.get(at('10.0.0.1'))!, universe, '10.0.0.2');
  farm.run();
  farm.wait(3);
  const { path } = (await farm.until('captured', 3)).find(({ clone }) => clone === 0)!;
  const fields = ['frame.interface_name', 'ip.src', 'ip.dst', 'icmp.type'].flatMap((field) => ['-e', field]);
  const file = join(path!, 'traffic.pcapng');
  const text = execFileSync('tshark', ['-r', file, '-T', 'fields', ...fields], { encoding: 'utf8', stdio: 'pipe' });
  t.strictSame(text.trimEnd().split('\n').sort(), [
    '10.0.0.1\t10.0.0.1\t198.51.100.7\t0',
    '10.0.0.1\t198.51.100.7\t10.0.0.1\t8',
    '10.0.0.2\t10.0.0.1\t10.0.0.2\t8',
    '10.0.0.2\t10.0.0.2\t10.0.0.1\t0',
  ]);
});

t.test('while a clone is captured its address is a new one’s, and nothing that it says enters the graph', async (t) => {
  const farm = await hostile(t, 'IDLE 10s, KEEP 10s');
  const { hostile: backend } = farm.element;
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.ping(universe, '10.0.0.2');
  farm.run();
  let release = (_captive: Captive) => {};
  backend.onHold = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  universe.clones.get(at('10.0.0.1'))!.opened = 1;
  farm.wait(5);
  farm.ping(universe, '10.0.0.2', true);
  farm.run();
  farm.wait(5);
  t.same(farm.states(), { 1: 'captured', 2: 'quiet' });
  const said = Buffer.concat([Buffer.alloc(12, 2), Buffer.from([8, 0]), craft({ src: at('10.0.0.1'), dst: ATTACKER })]);
  backend.emit(1, said);
  t.same(farm.run().out, []);
  t.same(farm.drops(), { gone: 1 });
  farm.ping(universe, '10.0.0.1', true);
  farm.run();
  t.equal(farm.drops()['unbound'], 1, 'a flow that it had is forgotten');
  farm.ping(universe, '10.0.0.1');
  farm.run();
  t.same(farm.states(), { 1: 'captured', 2: 'quiet', 3: 'live' });
  t.ok(backend.puppets.has(1));
  release({ release() {} });
  await farm.until('gone', 1);
  t.notOk(backend.puppets.has(1), 'and then it is destroyed');
  t.same(farm.states(), { 2: 'quiet', 3: 'live' });
});

t.test('only so many are captured at a time; beyond, a clone goes uncaptured, which is counted', async (t) => {
  const farm = await hostile(t, 'IDLE 1s, KEEP 1s');
  const { hostile: backend } = farm.element;
  const held: ((captive: Captive) => void)[] = [];
  backend.onHold = () => new Promise((resolve) => held.push(resolve));
  for (let i = 0; i < CAPTURING + 3; i++) {
    const universe = farm.begin(`10.0.0.${i + 1}`);
    farm.ping(universe, `10.0.0.${i + 1}`);
    farm.run();
    universe.clones.get(at(`10.0.0.${i + 1}`))!.opened = 1;
  }
  farm.wait(1);
  t.equal(held.length, CAPTURING);
  t.match(farm.told('captured'), Array(3).fill({ outcome: 'busy', reason: `${CAPTURING} clones are being captured` }));
  t.equal(farm.told('gone').length, 3);
  for (const release of held) release({ release() {} });
  await farm.until('gone', CAPTURING + 3);
  t.equal(farm.metric('captures', 'busy'), 3);
  t.equal(farm.metric('captures', 'captured'), CAPTURING);
});

/** One clone of interest, which is recycled. */
async function recycled(farm: Awaited<ReturnType<typeof hostile>>) {
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.run();
  const clone = universe.clones.get(at('10.0.0.1'))!;
  clone.opened = 1;
  farm.wait(1);
  await farm.until('gone', 1);
  return clone;
}

t.test('a capture that fails keeps no clone', async (t) => {
  const farm = await hostile(t, 'IDLE 1s, KEEP 1s');
  const { hostile: backend } = farm.element;
  let released = 0;
  backend.onHold = async () => ({
    memory: {
      image: { digest: async () => Buffer.alloc(32), read() {} },
      size: 4096,
      dirtyRanges: () => [{ offset: 0, length: 4096 }],
      read() {
        throw new Error('ESRCH: it has ended');
      },
    },
    release: () => released++,
  });
  await recycled(farm);
  t.match(farm.told('captured'), [{ outcome: 'failed', reason: 'ESRCH: it has ended' }]);
  t.same([backend.puppets.size, released, readdirSync(farm.captures)], [0, 1, []]);
});

t.test('where nothing can be written that is told at once, and clones go all the same', async (t) => {
  const farm = await hostile(t, 'IDLE 1s, KEEP 1s');
  writeFileSync(farm.captures, 'not a folder');
  await recycled(farm);
  t.match(farm.told('captured'), [{ outcome: 'failed', reason: /EEXIST|ENOTDIR/ }]);
  t.equal(farm.metric('captures', 'failed'), 1);
});

t.test('a folder that is full takes no more', async (t) => {
  const farm = await hostile(t, 'IDLE 1s, KEEP 1s, CAPTURES 0');
  await recycled(farm);
  t.match(farm.told('captured'), [{ outcome: 'full', reason: /holds 0 captures/ }]);
});

t.test('what does not hold still is captured without its memory', async (t) => {
  const farm = await hostile(t, 'IDLE 1s, KEEP 1s');
  farm.element.hostile.onHold = () => Promise.reject(new Error('QEMU took more than 5 s'));
  await recycled(farm);
  t.match(await farm.records(), [{ ending: /; it did not hold still: QEMU took more/, memory: null }]);
});

t.test('a clone that died or hangs is captured as far as the gateway saw it, and replaced at once', async (t) => {
  const farm = await hostile(t);
  const { hostile: backend } = farm.element;
  backend.onHold = () => {
    throw new Error('it is gone');
  };
  const universe = farm.begin('10.0.0.1');
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) farm.ping(universe, address);
  farm.run();
  for (const address of ['10.0.0.1', '10.0.0.2']) universe.clones.get(at(address))!.opened = 1;
  backend.die(1);
  backend.die(2, 'hung');
  farm.ping(universe, '10.0.0.1');
  farm.run();
  t.match(universe.clones.get(at('10.0.0.1')), { id: 4, state: 'live' });
  await farm.until('gone', 2);
  t.match(await farm.records(), [
    { ending: 'crashed', memory: null, traffic: { frames: 1 }, tree: [{ clone: 1 }, { clone: 2 }, {}] },
    { ending: 'crashed', memory: null },
  ]);
  t.same([farm.metric('clones_ended', 'died'), farm.metric('clones_ended', 'hung')], [1, 1]);
  t.match(farm.told('gone'), [{ ending: 'died' }, { ending: 'hung' }]);
});

t.test('one that could not be made has nothing to capture, and its address is free', async (t) => {
  const farm = await hostile(t);
  const { hostile: backend } = farm.element;
  backend.fails = true;
  const universe = farm.begin('10.0.0.1');
  universe.depth = 2;
  farm.ping(universe, '10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.run();
  t.match(farm.told('gone'), [{ ending: 'failed', reason: 'out of luck' }]);
  t.same(farm.drops(), { failed: 2 });
  t.equal(farm.metric('clones_ended', 'failed'), 1);
  t.equal(universe.clones.size, 0);
  await farm.until('captured', 1);
  t.same(farm.told('captured')[0]?.clone, 0, 'its universe is captured, and nothing else');
});

t.test('a clone that changes more memory than one may is captured and ended', async (t) => {
  const farm = await hostile(t, 'CAP 64M');
  const universe = farm.begin('10.0.0.1');
  farm.ping(universe, '10.0.0.1');
  farm.ping(universe, '10.0.0.2');
  farm.run();
  farm.element.hostile.deltas.set(1, 64 * MB).set(2, 64 * MB + 4096);
  farm.wait(1);
  await farm.until('gone', 1);
  t.match(farm.told('gone'), [{ clone: 2, ending: 'cap', reason: 'it changed 64.0 MB of memory, beyond CAP' }]);
  t.equal((await farm.records()).length, 1);
  t.equal(farm.metric('clones_ended', 'cap'), 1);
});

t.test('when clones have changed too much memory together the least interesting go first', async (t) => {
  const farm = await hostile(t, 'MEMORY 10M, INTERESTING_DELTA 3M');
  const { hostile: backend } = farm.element;
  const universes = [1, 2, 3, 4].map((i) => {
    const universe = farm.begin(`10.0.0.${i}`);
    farm.ping(universe, `10.0.0.${i}`);
    farm.run();
    backend.deltas.set(i, 2.5 * MB);
    farm.wait(0.1);
    return universe;
  });
  universes[0]!.clones.get(at('10.0.0.1'))!.opened = 1;
  backend.deltas.set(2, MB);
  farm.wait(1);
  t.same(farm.told('gone'), [], '8.5 of 10 MB');
  backend.deltas.set(2, 2.5 * MB);
  farm.wait(1);
  t.match(farm.told('gone'), [
    { clone: 2, ending: 'pressure', reason: 'memory was needed: all clones together changed 10.0 MB' },
  ]);
  for (const id of [1, 3, 4]) backend.deltas.set(id, 8 * MB);
  farm.wait(1);
  await farm.until('gone', 3);
  t.same(Object.keys(farm.states()).length, 1);
  t.equal(farm.metric('clones_ended', 'pressure'), 3);
  t.equal(farm.told('captured').length, 2, 'and what is of interest is captured first');
});

const WORDS = 'listen tcp 22\nprocess sshd 1\n';

t.test('an image’s own doings are of no interest; what its agent tells beyond them is', async (t) => {
  const farm = await hostile(t, 'QUIET 2s, IDLE 10s, KEEP 20s, INTERESTING_DELTA 1M');
  const { hostile: backend } = farm.element;
  backend.usual = { delta: 5 * MB, report: parseReport(WORDS) };
  const asked: number[] = [];
  backend.onAsk = async (id) => {
    asked.push(id);
    return parseReport(id === 2 ? `${WORDS}listen tcp 4444\n` : WORDS);
  };
  for (const i of [1, 2, 3]) {
    farm.ping(farm.begin(`10.0.0.${i}`), `10.0.0.${i}`);
    farm.run();
  }
  backend.deltas.set(1, 6 * MB).set(3, 6 * MB + 4096);
  farm.wait(2);
  t.strictSame(asked, [1, 2, 3], 'when it is quiet');
  await new Promise(setImmediate);
  farm.wait(10);
  t.match(farm.told('gone'), [{ clone: 1, reason: 'idle and of no interest' }]);
  farm.wait(10);
  await farm.until('gone', 3);
  t.match(farm.told('captured'), [
    { clone: 2, why: 'listens on tcp 4444' },
    { clone: 3, why: "changed 1.0 MB of memory beyond the 5.0 MB of its image's baseline" },
  ]);
});

t.test('before a clone is recycled its agent has been asked; one that does not answer is not waited for', async (t) => {
  const farm = await hostile(t, 'QUIET 2s, IDLE 3s');
  const { hostile: backend } = farm.element;
  let asked = 0;
  backend.onAsk = () => {
    asked++;
    return new Promise(() => {});
  };
  farm.ping(farm.begin('10.0.0.1'), '10.0.0.1');
  farm.run();
  farm.wait(12);
  t.same([farm.states(), asked], [{ 1: 'quiet' }, 1]);
  farm.wait(2);
  t.match(farm.told('gone'), [{ reason: 'idle and of no interest' }]);
});

t.test('when the gateway stops what is of interest is captured', async (t) => {
  const farm = await simulated(t);
  const [dull, busy, chain] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => {
    const universe = farm.begin(address);
    farm.ping(universe, address);
    farm.run();
    return universe;
  });
  busy!.clones.get(at('10.0.0.2'))!.opened = 1;
  farm.pingFrom(chain!.clones.get(at('10.0.0.3'))!, chain!, '10.0.0.4');
  farm.run();
  t.equal(dull!.clones.size, 1);
  await farm.element.stop();
  t.match(
    farm.told('captured').map(({ clone, outcome }) => [clone, outcome]),
    [
      [2, 'captured'],
      [3, 'captured'],
      [4, 'captured'],
      [0, 'captured'],
    ],
  );
  t.match(farm.told('gone'), Array(3).fill({ ending: 'stopped', reason: 'the gateway stops' }));
  t.equal(farm.metric('clones_ended', 'stopped'), 4);
  t.equal(readdirSync(farm.captures).length, 4);
});

t.test('nothing is captured or recorded where that is off, nor in a replay', async (t) => {
  for (const capture of ['off', 'on']) {
    const farm = await simulated(t, 'IDLE 1s, KEEP 1s', capture);
    const universe = farm.begin('10.0.0.1');
    farm.ping(universe, '10.0.0.1');
    farm.run();
    universe.clones.get(at('10.0.0.1'))!.opened = 1;
    t.equal(universe.clones.get(at('10.0.0.1'))!.recording, undefined, capture);
    farm.wait(1);
    t.equal(farm.told('gone').length, 1);
    t.notOk(existsSync(farm.captures), 'there is no folder either');
  }
});

const root = process.getuid?.() === 0;
if (!root) console.error('SKIPPED: a farm on a full disk was not tried: mounting a small file system needs root');
t.test('a farm whose state disk is full', { skip: root ? false : 'needs root' }, async (t) => {
  const top = t.testdir({});
  const script = fileURLToPath(new URL('./full-farm.js', import.meta.url));
  const inside = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" "$3" "$1"';
  const args = ['-m', 'sh', '-c', inside, 'sh', top, process.execPath, script];
  const said = JSON.parse(execFileSync('unshare', args, { encoding: 'utf8' }));
  t.match(said.captured, [{ outcome: 'failed', reason: /ENOSPC/ }]);
  t.match(said.gone, [{ ending: 'recycled' }]);
  t.strictSame(said.left, []);
});
