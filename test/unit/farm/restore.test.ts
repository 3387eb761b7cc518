import { createHash } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { PAGE_SIZE, Pool } from '../../../src/farm/pool.js';
import { restoreMemory } from '../../../src/farm/restore.js';

const SIZE = 1024 * PAGE_SIZE;

/** An image whose first quarter is written and whose rest is a hole, a clone of it, and its delta. */
async function rig(t: Test) {
  const folder = t.testdir({});
  const path = (name: string) => join(folder, name);
  const file = openSync(path('memory'), 'w');
  writeSync(file, new Uint8Array(SIZE / 4).fill(0x55), 0, SIZE / 4, 0);
  ftruncateSync(file, SIZE);
  closeSync(file);
  const pool = new Pool({ budget: 1 << 26 });
  t.teardown(() => pool.close());
  const image = await pool.loadImage(path('memory'));
  const clone = image.clone();
  clone.write(3 * PAGE_SIZE - 1, Uint8Array.of(1, 2));
  clone.write(7 * PAGE_SIZE, new Uint8Array(PAGE_SIZE)); // zeros over what is not
  clone.write(250 * PAGE_SIZE, new Uint8Array(300 * PAGE_SIZE).fill(9)); // across chunks, and into the hole
  clone.write(SIZE - 1, Uint8Array.of(8));
  await clone.exportDelta(path('delta'));
  const restore = (output = 'out') =>
    restoreMemory({ memory: path('memory'), delta: path('delta'), output: path(output) });
  return { folder, path, pool, clone, restore };
}

t.test('the memory is what the clone had, and holes stay holes', async (t) => {
  const { path, clone } = await rig(t);
  const steps: string[] = [];
  await restoreMemory({
    memory: path('memory'),
    delta: path('delta'),
    output: path('out'),
    progress: (step, done, total) => steps.push(`${step} ${done / total}`),
  });
  const wanted = new Uint8Array(SIZE);
  clone.read(0, wanted);
  const found = readFileSync(path('out'));
  t.equal(createHash('sha256').update(found).digest('hex'), createHash('sha256').update(wanted).digest('hex'));
  t.ok(statSync(path('out')).blocks * 512 < 560 * PAGE_SIZE, 'a sparse file');
  t.equal(statSync(path('out')).mode & 0o777, 0o600);
  t.same(steps.slice(0, 4), ['checking 0.25', 'checking 0.5', 'checking 0.75', 'checking 1']);
  t.equal(steps.at(-1), 'writing 1');
});

t.test('a file that exists stays as it is', async (t) => {
  const { path, restore } = await rig(t);
  writeFileSync(path('out'), 'mine');
  await t.rejects(restore(), { code: 'EEXIST' });
  t.equal(readFileSync(path('out'), 'utf8'), 'mine');
});

t.test('nothing is left of what cannot be restored', async (t) => {
  const { folder, path, restore } = await rig(t);
  const damage = (name: string, at: number) => {
    const bytes = readFileSync(path(name));
    bytes[at]! ^= 1;
    writeFileSync(path(name), bytes);
  };
  damage('delta', 251 * PAGE_SIZE);
  await t.rejects(restore(), { code: 'POOL_DELTA', message: /SHA-256 of its contents/ });
  damage('delta', 251 * PAGE_SIZE);
  damage('memory', 5);
  await t.rejects(restore(), { code: 'POOL_IMAGE' });
  damage('memory', 5);
  writeFileSync(path('memory'), new Uint8Array(PAGE_SIZE));
  await t.rejects(restore(), { code: 'POOL_DELTA', message: /image size/ });
  t.strictSame(readdirSync(folder).sort(), ['delta', 'memory']);
});
