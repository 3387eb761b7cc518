import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { captureClone, captureUniverse, treeOf } from '../../../src/farm/capture.js';
import { listCaptures, readCapture } from '../../../src/farm/capture-record.js';
import { type CaptureQuota, CaptureStore } from '../../../src/farm/capture-store.js';
import { PAGE_SIZE, type PageClone, Pool } from '../../../src/farm/pool.js';
import { tcp, udp } from '../native/build.js';
import { caught, chain, NOW, SIZE } from './caught.js';
import { wireOf } from './recorded.js';

async function rig(t: Test, quota: Partial<CaptureQuota> = {}) {
  const top = t.testdir({});
  const folder = join(top, 'captures');
  const pool = new Pool({ budget: 1 << 26 });
  const store = new CaptureStore(folder, { captures: 10, bytes: 1 << 30, ...quota });
  await store.open();
  const subject = caught(pool, top);
  t.teardown(async () => {
    closeSync(subject.disk);
    await store.close();
    pool.close();
  });
  return { top, folder, pool, store, subject };
}

t.test('a capture holds all that is known of a clone', async (t) => {
  const { folder, store, subject } = await rig(t);
  const outcome = await captureClone(store, subject);
  const name = '20231114T221320.500Z-u3-c3-10.99.0.3';
  t.match(outcome, { kind: 'captured', path: join(folder, name) });
  t.strictSame(readdirSync(folder), [name]);
  const path = join(folder, name);
  const files = readdirSync(path).sort();
  t.strictSame(files, ['capture.json', 'disk.delta', 'memory.delta', 'traffic.pcapng']);
  t.equal(statSync(path).mode & 0o777, 0o700);
  for (const file of files) t.equal(statSync(join(path, file)).mode & 0o777, 0o600, file);

  const record = await readCapture(path);
  t.match(record, {
    kind: 'clone',
    time: '2023-11-14T22:13:20.500Z',
    reason: 'opened 1 connection of its own',
    ending: 'kept long enough',
    universe: { id: 3, source: '198.51.100.1', depth: 3 },
    clone: { clone: 3, address: '10.99.0.3', parent: 2, depth: 3, mac: '02:50:00:00:00:03' },
    image: { name: 'linux', size: SIZE },
    memory: { bytes: 5 * PAGE_SIZE, equal: PAGE_SIZE },
    traffic: { frames: 1, missed: 0, full: null },
    verdicts: [{ rule: 'reflect.policy:12', verdict: 'reflect', flows: 4 }],
    report: { listen: ['tcp 22'], processes: { sh: 2 } },
    account: { overhead: 26 << 20 },
  });
  t.strictSame(
    record.chain.map(({ clone }) => clone),
    [2, 1],
  );
  t.strictSame(
    record.tree.map(({ clone, parent }) => [clone, parent]),
    [
      [1, null],
      [2, 1],
      [3, 2],
    ],
  );
  for (const { name, size, sha256 } of record.files) {
    const bytes = readFileSync(join(path, name));
    t.same([bytes.length, createHash('sha256').update(bytes).digest('hex')], [size, sha256], name);
  }
  t.equal(record.files.length, 3);

  const { image } = subject.memory as PageClone;
  t.equal(record.image?.sha256, (await image.digest()).toString('hex'));
  const copy = image.clone();
  await copy.importDelta(join(path, 'memory.delta'));
  t.equal(copy.delta, 5 * PAGE_SIZE);
  t.strictSame(copy.diff(subject.memory as PageClone), [], 'the delta is the whole difference');
  const disk = readFileSync(join(path, 'disk.delta'));
  t.equal(disk.subarray(1 << 20).toString(), 'written');
  t.ok(statSync(join(path, 'disk.delta')).blocks * 512 < 1 << 16, 'holes of the disk are holes');
});

t.test('what a clone does not have is left out', async (t) => {
  const { store, subject } = await rig(t);
  const { clone, image, now, reason, ending, tree } = subject;
  const outcome = await captureClone(store, { clone, image, now, reason, ending, tree });
  if (outcome.kind !== 'captured') throw new Error(outcome.reason);
  t.strictSame(readdirSync(outcome.path), ['capture.json']);
  t.match(await readCapture(outcome.path), { memory: null, report: null, files: [], image: { sha256: null } });
});

t.test('a universe is one file of all its traffic', async (t) => {
  const { store } = await rig(t);
  const universe = chain('10.99.0.1', '10.99.0.2');
  const wires = [
    wireOf(1, '10.99.0.1', [
      { at: NOW, direction: 'in', packet: tcp() },
      { at: NOW + 2, direction: 'out', packet: udp() },
    ]),
    wireOf(2, '10.99.0.2', [{ at: NOW + 1, direction: 'in', packet: udp() }]),
  ];
  const tree = treeOf(universe, () => 'linux');
  const subject = { universe, now: NOW, reason: 'depth 2', ending: 'its last clone is gone', tree, wires };
  const outcome = await captureUniverse(store, subject);
  if (outcome.kind !== 'captured') throw new Error(outcome.reason);
  t.match(outcome.path, /20231114T221320\.500Z-u3$/);
  t.match(await readCapture(outcome.path), { kind: 'universe', clone: null, traffic: { frames: 3 } });
});

t.test('a full folder takes no more, says so, and takes some again when there is room', async (t) => {
  const { folder, store, subject } = await rig(t, { captures: 2 });
  const at = (seconds: number) => captureClone(store, { ...subject, now: NOW + seconds });
  t.equal((await at(0)).kind, 'captured');
  t.equal((await at(1)).kind, 'captured');
  const third = await at(2);
  t.match(third, { kind: 'full', reason: `${folder} holds 2 captures, as many as it may` });
  t.strictSame(store.counts, { captured: 2, full: 1, busy: 0, failed: 0 });
  t.equal((await listCaptures(folder)).length, 2);
  rmSync(join(folder, (await listCaptures(folder))[0]!), { recursive: true });
  t.equal((await at(3)).kind, 'captured');
});

t.test('bytes are bounded: those on the disk, and those that one more may take', async (t) => {
  const { store, subject } = await rig(t, { bytes: 1_500_000 });
  t.equal((await captureClone(store, subject)).kind, 'captured');
  const second = await captureClone(store, { ...subject, now: NOW + 1 });
  t.equal(second.kind, 'captured', 'what counts is what the first one took, not what it might have');
});

t.test('one that takes more than there is room for is refused', async (t) => {
  const { store, subject } = await rig(t, { bytes: 100_000 });
  t.match(await captureClone(store, subject), { kind: 'full', reason: /holds 0 of 100000 bytes/ });
});

t.test('captures wait for each other, and only so many', async (t) => {
  const { store, subject } = await rig(t, { captures: 100 });
  const { clone, image, reason, ending, tree } = subject;
  const all = await Promise.all(
    Array.from({ length: 70 }, (_, i) => captureClone(store, { clone, image, now: NOW + i, reason, ending, tree })),
  );
  t.strictSame(store.counts, { captured: 64, full: 0, busy: 6, failed: 0 });
  t.match(all.at(-1), { kind: 'busy', reason: /64 captures wait/ });
  t.equal((await listCaptures(store.folder)).length, 64);
});

t.test('a capture that fails leaves nothing, and the next one is taken', async (t) => {
  const { folder, store, subject } = await rig(t);
  const memory = {
    image: subject.memory!.image,
    size: SIZE,
    dirtyRanges: () => [{ offset: 0, length: PAGE_SIZE }],
    read: () => {
      throw new Error('ESRCH: read the process memory');
    },
  };
  t.match(await captureClone(store, { ...subject, memory }), { kind: 'failed', reason: /ESRCH/ });
  t.strictSame(readdirSync(folder), []);
  t.equal((await captureClone(store, subject)).kind, 'captured');
  t.match(await captureClone(store, subject), { kind: 'failed', reason: /ENOTEMPTY/ }, 'none is written over');
  t.equal(readdirSync(folder).length, 1);
  t.strictSame(store.counts, { captured: 1, full: 0, busy: 0, failed: 2 });
});

t.test('what a process that died left half done goes, and nothing else', async (t) => {
  const { folder } = await rig(t);
  const dead = Number(execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
  for (const name of [`a.${dead}.part`, 'b.1.part', 'c', `d.${process.pid}.part`]) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'x'), 'x');
  }
  const store = new CaptureStore(folder, { captures: 10, bytes: 1 << 30 });
  await store.open();
  t.strictSame(readdirSync(folder).sort(), ['b.1.part', 'c']);
  await store.close();
});

const root = process.getuid?.() === 0;
if (!root) console.error('SKIPPED: a full disk was not tried: mounting a small file system needs root');
t.test('a full disk', { skip: root ? false : 'needs root' }, async (t) => {
  const { top } = await rig(t);
  const mount = join(top, 'small');
  mkdirSync(mount);
  const script = fileURLToPath(new URL('./full-disk.js', import.meta.url));
  const inside = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" "$3" "$1" "$4"';
  const args = ['-m', 'sh', '-c', inside, 'sh', mount, process.execPath, script, top];
  const said = JSON.parse(execFileSync('unshare', args, { encoding: 'utf8' }));
  t.match(said.outcome, { kind: 'failed', reason: /ENOSPC/ });
  t.strictSame(said.left, [], 'nothing is left');
  t.match(said.after, { kind: 'captured' }, 'one that fits is taken afterwards');
  t.strictSame(said.counts, { captured: 1, full: 0, busy: 0, failed: 1 });
});
