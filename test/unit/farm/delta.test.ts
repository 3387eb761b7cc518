import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { PAGE_SIZE, Pool, PoolError, type PoolErrorCode } from '../../../src/farm/pool.js';

const PAGES = 2048;
const SIZE = PAGES * PAGE_SIZE;
const TRAILER = 104;

function rig(t: Test, cap?: number) {
  const dir = mkdtempSync(join(tmpdir(), 'delta-'));
  const pool = new Pool({ budget: 1 << 26, ...(cap === undefined ? {} : { cap }) });
  t.teardown(() => {
    pool.close();
    rmSync(dir, { recursive: true });
  });
  const image = pool.createImage(SIZE);
  image.write(0, new Uint8Array(SIZE / 2).fill(0x55));
  image.seal();
  const clone = image.clone();
  return { dir, pool, image, clone, file: join(dir, 'a.delta') };
}

async function refused(t: Test, code: PoolErrorCode, call: Promise<unknown>): Promise<PoolError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  t.ok(error instanceof PoolError, String(error));
  t.equal((error as PoolError).code, code, (error as PoolError).message);
  return error as PoolError;
}

t.test('a delta survives the way through a file', async (t) => {
  const { dir, image, clone, file } = rig(t);
  clone.write(3 * PAGE_SIZE - 1, Uint8Array.of(1, 2));
  clone.write(500 * PAGE_SIZE, new Uint8Array(600 * PAGE_SIZE).fill(7)); // longer than one window
  clone.write(1500 * PAGE_SIZE, new Uint8Array(1)); // dirty, and as zero as the image
  clone.write(7 * PAGE_SIZE, new Uint8Array(PAGE_SIZE)); // dirty, and a hole if holes counted
  await clone.exportDelta(file);
  t.strictSame(readdirSync(dir), ['a.delta']);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.ok(statSync(file).blocks * 512 < 700 * PAGE_SIZE, 'the file is sparse');

  const copy = image.clone();
  copy.write(9 * PAGE_SIZE, Uint8Array.of(1)); // must go
  await copy.importDelta(file);
  t.strictSame(copy.dirtyRanges(), clone.dirtyRanges());
  t.strictSame(copy.diff(clone), []);

  // A page lies at its own address.
  t.strictSame([...readFileSync(file).subarray(3 * PAGE_SIZE - 1, 3 * PAGE_SIZE + 1)], [1, 2]);

  // A copy without holes says the same.
  execFileSync('cp', ['--sparse=never', file, join(dir, 'full')]);
  copy.reset();
  await copy.importDelta(join(dir, 'full'));
  t.strictSame(copy.dirtyRanges(), clone.dirtyRanges());
  t.strictSame(copy.diff(clone), []);
});

t.test('an unchanged clone has an empty delta', async (t) => {
  const { image, clone, file } = rig(t);
  await clone.exportDelta(file);
  t.equal(statSync(file).size, SIZE + TRAILER);
  const copy = image.clone();
  await copy.importDelta(file);
  t.equal(copy.delta, 0);
});

t.test('an export of a clone that is written to meanwhile fails and leaves no file', async (t) => {
  const { dir, clone, file } = rig(t);
  clone.write(0, new Uint8Array(3 << 20));
  const done = clone.exportDelta(file);
  const timer = setInterval(() => clone.write(0, Uint8Array.of(1)), 0);
  t.teardown(() => clearInterval(timer));
  await refused(t, 'POOL_BUSY', done);
  t.strictSame(readdirSync(dir), []);
});

t.test('damaged and hostile files are refused with the offset, and the clone stays as it was', async (t) => {
  const { image, clone, file } = rig(t);
  clone.touch(Uint32Array.of(1, 2, 9));
  await clone.exportDelta(file);
  const good = readFileSync(file);
  const at = SIZE + 32;
  const copy = image.clone();
  copy.write(100 * PAGE_SIZE, Uint8Array.of(42));
  const before = copy.dirtyRanges();

  const u64 = (value: number | bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  };
  const cases: [what: string, position: number, bytes: Uint8Array, offset?: number][] = [
    ['magic', at, Buffer.from('X')],
    ['version', at + 8, Buffer.of(2)],
    ['page size', at + 12, Buffer.of(1)],
    ['image size', at + 16, u64(SIZE + PAGE_SIZE)],
    ['an image size beyond all numbers', at + 16, u64(2n ** 64n - 1n)],
    ['too few ranges', at + 24, u64(1)],
    ['more ranges than the file holds', at + 24, u64(2n ** 40n)],
    ['number of bytes', at + 32, u64(2 * PAGE_SIZE)],
    ['a range that begins inside a page', SIZE, u64(1)],
    ['a range beyond the image', SIZE, u64(SIZE), SIZE + 8],
    ['a range far beyond the image', SIZE, u64(2n ** 63n)],
    ['an empty range', SIZE + 8, u64(0)],
    ['a range of half a page', SIZE + 8, u64(PAGE_SIZE / 2)],
    ['a range that runs out of the image', SIZE + 24, u64(SIZE)],
    ['a range that overlaps the one before', SIZE + 16, u64(2 * PAGE_SIZE)],
    ['ranges out of order', SIZE + 16, u64(0)],
  ];
  for (const [what, position, bytes, offset = position] of cases) {
    await t.test(what, async (t) => {
      const bad = Buffer.from(good);
      bad.set(bytes, position);
      writeFileSync(file, bad);
      t.equal((await refused(t, 'POOL_DELTA', copy.importDelta(file))).offset, offset);
      t.strictSame(copy.dirtyRanges(), before);
    });
  }

  for (const size of [0, 1, TRAILER - 1, TRAILER, SIZE, good.length - 1]) {
    writeFileSync(file, good);
    truncateSync(file, size);
    const error = await refused(t, 'POOL_DELTA', copy.importDelta(file));
    t.equal(error.offset, Math.max(size - TRAILER, size < TRAILER ? size : 0), `cut to ${size}`);
    t.strictSame(copy.dirtyRanges(), before);
  }
  await refused(t, 'POOL_DELTA', copy.importDelta('/dev/zero'));
  await refused(t, 'POOL_DELTA', copy.importDelta(tmpdir()));
  await t.rejects(copy.importDelta(`${file}.none`), { code: 'ENOENT' });
  t.strictSame(copy.dirtyRanges(), before);

  // Only the contents can tell that a page was changed. By then the clone's own delta is gone.
  const bad = Buffer.from(good);
  bad[2 * PAGE_SIZE]! ^= 1;
  writeFileSync(file, bad);
  t.equal((await refused(t, 'POOL_DELTA', copy.importDelta(file))).offset, at + 72);
  t.strictSame(copy.dirtyRanges(), []);
});

t.test('a delta of another image is refused', async (t) => {
  const { pool, clone, file } = rig(t);
  await clone.exportDelta(file);
  const other = pool.createImage(SIZE);
  other.seal();
  await refused(t, 'POOL_IMAGE', other.clone().importDelta(file));
});

t.test('a delta beyond the cap leaves the clone reset', async (t) => {
  const { clone, file, image } = rig(t);
  clone.write(0, new Uint8Array(2 << 20));
  await clone.exportDelta(file);
  const small = new Pool({ budget: 1 << 26, cap: 1 << 20 });
  t.teardown(() => small.close());
  const copy = small.adoptImage(image.fd).clone();
  await refused(t, 'POOL_CAP', copy.importDelta(file));
  t.equal(copy.measure(), 0);
});

t.test('images are loaded from a file or a descriptor, padded, with their holes', async (t) => {
  const { dir, pool } = rig(t);
  const path = join(dir, 'image');
  const size = 3 * 1024 * 1024 + 5;
  const content = Buffer.alloc(size);
  content.fill(0xab, 2 << 20);
  writeFileSync(path, content);
  const before = pool.accounts.reference;
  const image = await pool.loadImage(path);
  t.equal(image.size, Math.ceil(size / PAGE_SIZE) * PAGE_SIZE);
  t.equal(image.sealed, true);
  const read = Buffer.alloc(image.size);
  image.read(0, read);
  t.ok(read.subarray(0, size).equals(content));
  t.ok(read.subarray(size).every((byte) => byte === 0));
  t.ok(pool.accounts.reference - before < 2 << 20, 'zeros take no memory');

  const handle = await open(path);
  const again = await pool.loadImage(handle);
  await handle.close();
  t.ok((await again.digest()).equals(await image.digest()));

  writeFileSync(path, '');
  await refused(t, 'POOL_RANGE', pool.loadImage(path));
  await t.rejects(pool.loadImage(`${path}.none`), { code: 'ENOENT' });
});
