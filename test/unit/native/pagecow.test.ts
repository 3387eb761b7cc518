import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import {
  PAGE_SIZE,
  POOL_ERRORS,
  Pool,
  PoolError,
  type PoolErrorCode,
  type PoolOptions,
} from '../../../src/farm/pool.js';
import { native } from '../../../src/native/addon.js';

const MB = 1 << 20;

function rig(t: Test, options: Partial<PoolOptions> = {}, pages = 64) {
  const pool = new Pool({ budget: 64 * MB, ...options });
  t.teardown(() => pool.close());
  const image = pool.createImage(pages * PAGE_SIZE);
  for (let page = 0; page < pages; page++) image.write(page * PAGE_SIZE, new Uint8Array(PAGE_SIZE).fill(page + 1));
  image.seal();
  return { pool, image };
}

/** Asserts that a call is refused with a code and returns the error. */
function refused(t: Test, code: PoolErrorCode, call: () => unknown): PoolError {
  try {
    call();
  } catch (error) {
    t.ok(error instanceof PoolError, String(error));
    t.equal((error as PoolError).code, code, (error as PoolError).message);
    return error as PoolError;
  }
  t.fail(`${code} expected`);
  throw new Error('unreachable');
}

/** Clones that this process has mapped. */
const mappings = () => readFileSync('/proc/self/maps', 'utf8').split('memfd:potemkin-image').length - 1;

const bytes = (...values: number[]) => Uint8Array.from(values);

t.test('the page size is a power of two', (t) => {
  t.ok(native.pageSize >= 4096);
  t.equal(native.pageSize & (native.pageSize - 1), 0);
  t.end();
});

t.test('the codes of C++ and of TypeScript are the same', (t) => {
  const header = readFileSync('native/poolfailure.h', 'utf8');
  const codes = [...header.matchAll(/= "(POOL_\w+)"/g)].map((match) => match[1]);
  t.strictSame([...codes, 'POOL_DELTA'].sort(), Object.keys(POOL_ERRORS).sort());
  t.end();
});

t.test('images', (t) => {
  t.test('are written until they are sealed and read at any time', (t) => {
    const { pool } = rig(t);
    const image = pool.createImage(2 * PAGE_SIZE);
    t.equal(image.sealed, false);
    refused(t, 'POOL_UNSEALED', () => image.clone());
    image.write(PAGE_SIZE - 1, bytes(1, 2, 3));
    image.seal();
    image.seal();
    t.equal(image.sealed, true);
    const read = new Uint8Array(5);
    image.read(PAGE_SIZE - 2, read);
    t.strictSame(read, bytes(0, 1, 2, 3, 0));
    refused(t, 'POOL_SEALED', () => image.write(0, bytes(1)));
    t.end();
  });

  t.test('cannot be changed, grown or shrunk by a process that gets the descriptor', (t) => {
    const { image } = rig(t);
    const script = `
      import errno, fcntl, mmap, os
      def fails(call):
          try: call()
          except OSError as error: return errno.errorcode[error.errno]
          return 'done'
      print(fails(lambda: os.pwrite(3, b'x', 0)), fails(lambda: os.ftruncate(3, 4096)), fails(lambda: os.ftruncate(3, 1 << 30)),
            fails(lambda: mmap.mmap(3, 4096, mmap.MAP_SHARED)), fcntl.fcntl(3, 1034) & 15)`;
    const python = script.replaceAll('\n      ', '\n');
    const said = execFileSync('python3', ['-c', python], { stdio: ['ignore', 'pipe', 'inherit', image.fd] });
    t.equal(said.toString().trim(), 'EPERM EPERM EPERM EPERM 15');
    t.end();
  });

  t.test('are not sealed while a process has them mapped for writing', async (t) => {
    const { pool } = rig(t);
    const image = pool.createImage(PAGE_SIZE);
    const script = 'import mmap; m = mmap.mmap(3, 4096); m[0] = 65; print("mapped", flush=True); input()';
    const guest = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit', image.fd] });
    await once(guest.stdout!, 'data');
    refused(t, 'POOL_BUSY', () => image.seal());
    t.equal(image.sealed, false);
    guest.stdin!.end('\n');
    await once(guest, 'exit');
    image.seal();
    const read = new Uint8Array(1);
    image.clone().read(0, read);
    t.equal(read[0], 65);
  });

  t.test('are adopted by another pool only if sealed', (t) => {
    const { pool, image } = rig(t);
    const other = new Pool({ budget: MB });
    t.teardown(() => other.close());
    const adopted = other.adoptImage(image.fd);
    t.equal(adopted.size, image.size);
    t.equal(adopted.sealed, true);
    t.not(adopted.fd, image.fd);
    image.close();
    const read = new Uint8Array(1);
    adopted.clone().read(3 * PAGE_SIZE, read);
    t.equal(read[0], 4);
    const open = pool.createImage(PAGE_SIZE);
    refused(t, 'POOL_UNSEALED', () => other.adoptImage(open.fd));
    refused(t, 'POOL_UNSEALED', () => other.adoptImage(0));
    refused(t, 'POOL_SYSTEM', () => other.adoptImage(1 << 20));
    t.end();
  });

  t.test('of no size, or not of whole pages, are refused', (t) => {
    const { pool } = rig(t);
    for (const size of [0, 1, PAGE_SIZE + 1, -PAGE_SIZE, Number.NaN, 0.5, 2 ** 53, 2 ** 52]) {
      refused(t, 'POOL_RANGE', () => pool.createImage(size));
    }
    t.end();
  });

  t.test('close when their clones are closed', (t) => {
    const { image } = rig(t);
    const clone = image.clone();
    refused(t, 'POOL_BUSY', () => image.close());
    clone.close();
    image.close();
    image.close();
    refused(t, 'POOL_CLOSED', () => image.clone());
    refused(t, 'POOL_CLOSED', () => image.read(0, bytes(0)));
    refused(t, 'POOL_CLOSED', () => image.fd);
    t.end();
  });
  t.end();
});

t.test('clones', (t) => {
  t.test('show the image, keep their own writes and go back on reset', (t) => {
    const { image } = rig(t);
    const [a, b] = [image.clone(), image.clone()];
    a.write(PAGE_SIZE - 2, bytes(7, 7, 7));
    const read = new Uint8Array(4);
    a.read(PAGE_SIZE - 3, read);
    t.strictSame(read, bytes(1, 7, 7, 7));
    b.read(PAGE_SIZE - 3, read);
    t.strictSame(read, bytes(1, 1, 1, 2));
    image.read(PAGE_SIZE - 3, read);
    t.strictSame(read, bytes(1, 1, 1, 2));
    t.equal(a.delta, 2 * PAGE_SIZE);
    t.equal(b.delta, 0);
    a.reset();
    a.read(PAGE_SIZE - 3, read);
    t.strictSame(read, bytes(1, 1, 1, 2));
    t.equal(a.delta, 0);
    t.strictSame(a.dirtyRanges(), []);
    t.end();
  });

  t.test('refuse windows that leave them', (t) => {
    const { image } = rig(t);
    const clone = image.clone();
    const two = bytes(1, 2);
    for (const offset of [image.size - 1, image.size + 1, -1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
      refused(t, 'POOL_RANGE', () => clone.read(offset, two));
      refused(t, 'POOL_RANGE', () => clone.write(offset, two));
      refused(t, 'POOL_RANGE', () => image.read(offset, two));
    }
    clone.write(image.size - 2, two);
    clone.write(image.size, bytes());
    t.equal(clone.delta, PAGE_SIZE);
    t.end();
  });

  t.test('throw after close, also when their slot lives on in another clone', (t) => {
    const { pool, image } = rig(t);
    const clone = image.clone();
    const { id } = clone;
    clone.close();
    clone.close();
    t.equal(clone.id, 0);
    const next = image.clone();
    t.not(next.id, id);
    refused(t, 'POOL_CLOSED', () => clone.read(0, bytes(0)));
    refused(t, 'POOL_CLOSED', () => clone.write(0, bytes(0)));
    refused(t, 'POOL_CLOSED', () => clone.touch(new Uint32Array(1)));
    refused(t, 'POOL_CLOSED', () => clone.reset());
    refused(t, 'POOL_CLOSED', () => clone.measure());
    refused(t, 'POOL_CLOSED', () => clone.dirtyRanges());
    refused(t, 'POOL_CLOSED', () => clone.diff(next));
    refused(t, 'POOL_CLOSED', () => clone.delta);
    refused(t, 'POOL_CLOSED', () => pool.gather(Uint32Array.of(id), new Float64Array(1), 1, bytes(0)));
    t.end();
  });

  t.test('all throw after the pool is closed', (t) => {
    const { pool, image } = rig(t);
    const clone = image.clone();
    pool.close();
    pool.close();
    refused(t, 'POOL_CLOSED', () => clone.read(0, bytes(0)));
    refused(t, 'POOL_CLOSED', () => image.clone());
    refused(t, 'POOL_CLOSED', () => pool.accounts);
    refused(t, 'POOL_CLOSED', () => pool.createImage(PAGE_SIZE));
    clone.close();
    image.close();
    t.end();
  });

  t.test('are left out of forks and core dumps, and reserve no memory', (t) => {
    const { image } = rig(t);
    image.clone();
    const [, mapping] = readFileSync('/proc/self/smaps', 'utf8').split('memfd:potemkin-image');
    const flags = mapping?.match(/VmFlags: (.*)/)?.[1]?.split(' ') ?? [];
    for (const flag of ['dc', 'dd', 'nr']) t.ok(flags.includes(flag), flag);
    t.notOk(flags.includes('sh'));
    t.end();
  });

  t.test('give back their mappings and descriptors', (t) => {
    const before = mappings();
    const descriptors = readdirSync('/proc/self/fd').length;
    const { pool, image } = rig(t);
    const all = Array.from({ length: 100 }, () => image.clone());
    t.equal(mappings() - before, 100);
    for (const clone of all.slice(50)) clone.close();
    t.equal(mappings() - before, 50);
    pool.close();
    t.equal(mappings(), before);
    t.equal(readdirSync('/proc/self/fd').length, descriptors);
    t.end();
  });

  t.test('of a worker that ends without closing them are gone with it', async (t) => {
    const before = mappings();
    const { image } = rig(t);
    const script = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.module).then(({ Pool }) => {
        const image = new Pool({ budget: 1 << 20 }).adoptImage(workerData.fd);
        const clones = Array.from({ length: 10 }, () => image.clone());
        const read = new Uint8Array(1);
        clones[9].read(${PAGE_SIZE}, read);
        parentPort.postMessage(read[0]);
      });`;
    const module = new URL('../../../src/farm/pool.js', import.meta.url).href;
    const worker = new Worker(script, { eval: true, workerData: { module, fd: image.fd } });
    const [[read]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
    t.equal(read, 2);
    t.equal(mappings(), before);
  });
  t.end();
});

t.test('limits', (t) => {
  t.test('budget: a write beyond it is refused whole, and what is freed can be used again', (t) => {
    const { pool, image } = rig(t, { budget: 16 * PAGE_SIZE });
    const clone = image.clone();
    clone.write(0, new Uint8Array(8 * PAGE_SIZE));
    const before = pool.accounts;
    refused(t, 'POOL_BUDGET', () => clone.write(7 * PAGE_SIZE, new Uint8Array(9 * PAGE_SIZE).fill(9)));
    t.strictSame(pool.accounts, before);
    const read = new Uint8Array(1);
    clone.read(7 * PAGE_SIZE, read);
    t.equal(read[0], 0);
    clone.write(0, new Uint8Array(8 * PAGE_SIZE).fill(3));
    clone.reset();
    clone.write(7 * PAGE_SIZE, new Uint8Array(9 * PAGE_SIZE));
    t.end();
  });

  t.test('budget: no more clones than it has room for', (t) => {
    const { pool, image } = rig(t, { budget: PAGE_SIZE });
    let made = 0;
    const error = refused(t, 'POOL_BUDGET', () => {
      for (; made < PAGE_SIZE; made++) image.clone();
    });
    t.match(error.message, String(PAGE_SIZE));
    t.ok(made > 0);
    t.equal(pool.accounts.clones, made);
    t.ok(pool.accounts.tables <= PAGE_SIZE);
    t.end();
  });

  t.test('cap: of each clone', (t) => {
    const { image } = rig(t, { cap: 3 * PAGE_SIZE });
    const [a, b] = [image.clone(), image.clone()];
    a.write(0, new Uint8Array(3 * PAGE_SIZE));
    refused(t, 'POOL_CAP', () => a.write(5 * PAGE_SIZE, bytes(1)));
    a.write(2 * PAGE_SIZE, bytes(1));
    b.write(5 * PAGE_SIZE, bytes(1));
    t.end();
  });

  t.test('clones: closing one makes room', (t) => {
    const { image } = rig(t, { clones: 2 });
    const first = image.clone();
    image.clone();
    refused(t, 'POOL_CLONES', () => image.clone());
    first.close();
    image.clone();
    t.end();
  });

  const most = Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8'));
  const skip = most > 200_000 && `vm.max_map_count is ${most}: filling it takes too long`;
  t.test('clones: of all pools together, fewer than the process may have mappings', { skip }, (t) => {
    const [one, other] = [rig(t, { budget: 1 << 30 }), rig(t, { budget: 1 << 30 })];
    for (let i = 0; i < 1000; i++) one.image.clone();
    let made = 1000;
    const error = refused(t, 'POOL_CLONES', () => {
      for (; made <= most; made++) other.image.clone();
    });
    t.match(error.message, 'vm.max_map_count');
    t.ok(made > most / 4 && made < most, `${made} of ${most}`);
    one.pool.close();
    other.image.clone();
    t.end();
  });

  t.test('that make no sense are refused', (t) => {
    for (const bad of [0, -1, 1.5, Number.NaN, Infinity]) {
      t.throws(() => new Pool({ budget: bad }), RangeError);
      t.throws(() => new Pool({ budget: 1, cap: bad }), RangeError);
      t.throws(() => new Pool({ budget: 1, clones: bad }), RangeError);
    }
    t.throws(() => new Pool({ budget: 1, scan: 'guess' as 'auto' }), /one of auto, ioctl, pagemap/);
    t.end();
  });
  t.end();
});

t.test('accounts', (t) => {
  const { pool, image } = rig(t);
  t.equal(pool.accounts.clones, 0);
  t.equal(pool.accounts.delta, 0);
  t.equal(pool.accounts.tables, 0);
  t.equal(pool.accounts.reference, image.size);
  const [a, b] = [image.clone(), image.clone()];
  a.write(10, bytes(1));
  a.write(20, bytes(1));
  b.touch(Uint32Array.of(5, 6, 5));
  t.equal(a.delta, PAGE_SIZE);
  t.equal(b.delta, 2 * PAGE_SIZE);
  t.equal(pool.accounts.delta, 3 * PAGE_SIZE);
  t.ok(pool.accounts.tables >= 2 * PAGE_SIZE);
  const counted = pool.accounts;
  t.strictSame(pool.measure(), counted);
  a.close();
  t.equal(pool.accounts.delta, 2 * PAGE_SIZE);
  b.close();
  t.equal(pool.accounts.delta, 0);
  t.equal(pool.accounts.tables, 0);
  t.end();
});

for (const scan of ['auto', 'ioctl', 'pagemap'] as const) {
  t.test(`dirty pages by ${scan}`, (t) => {
    // Longer than one read of pagemap entries, with more runs than one ioctl returns, and ending in a dirty page.
    const pages = 20_000;
    let made: Pool;
    try {
      made = new Pool({ budget: 64 * MB, scan });
    } catch (error) {
      t.equal(scan, 'ioctl');
      t.comment(`this kernel has no PAGEMAP_SCAN: ${(error as Error).message}`);
      t.end();
      return;
    }
    t.teardown(() => made.close());
    const image = made.createImage(pages * PAGE_SIZE);
    image.write(0, new Uint8Array(1000 * PAGE_SIZE).fill(1));
    image.seal();
    const clone = image.clone();
    // Pages that were only read are mapped but no copies.
    clone.read(0, new Uint8Array(900 * PAGE_SIZE));
    t.strictSame(clone.dirtyRanges(), []);
    const dirty = [...Array.from({ length: 600 }, (_, i) => i * 3), 8191, 8192, 8193, pages - 1];
    clone.touch(Uint32Array.from(dirty));
    const expected = [
      ...Array.from({ length: 600 }, (_, i) => ({ offset: i * 3 * PAGE_SIZE, length: PAGE_SIZE })),
      { offset: 8191 * PAGE_SIZE, length: 3 * PAGE_SIZE },
      { offset: (pages - 1) * PAGE_SIZE, length: PAGE_SIZE },
    ];
    t.strictSame(clone.dirtyRanges(), expected);
    t.equal(clone.delta, dirty.length * PAGE_SIZE);
    t.equal(clone.measure(), dirty.length * PAGE_SIZE);
    clone.reset();
    t.strictSame(clone.dirtyRanges(), []);
    t.end();
  });
}

for (const scan of ['auto', 'pagemap'] as const) {
  t.test(`measure finds what was written behind the pool's back, by ${scan}`, (t) => {
    const { pool, image } = rig(t, { scan, budget: 20 * PAGE_SIZE });
    const clone = image.clone();
    const [, start] = readFileSync('/proc/self/maps', 'utf8').match(/^(\w+)-.*memfd:potemkin-image/m)!;
    const memory = openSync('/proc/self/mem', 'r+');
    t.teardown(() => closeSync(memory));
    for (let page = 10; page < 40; page++) {
      writeSync(memory, bytes(77), 0, 1, Number.parseInt(start!, 16) + page * PAGE_SIZE);
    }
    t.equal(clone.delta, 0);
    t.equal(pool.measure().delta, 30 * PAGE_SIZE);
    t.equal(clone.delta, 30 * PAGE_SIZE);
    t.strictSame(clone.dirtyRanges(), [{ offset: 10 * PAGE_SIZE, length: 30 * PAGE_SIZE }]);
    // Beyond its budget, the pool takes what costs nothing and refuses what does.
    clone.write(10 * PAGE_SIZE, bytes(1));
    refused(t, 'POOL_BUDGET', () => clone.write(0, bytes(1)));
    refused(t, 'POOL_BUDGET', () => image.clone());
    clone.reset();
    const read = bytes(0);
    clone.read(20 * PAGE_SIZE, read);
    t.equal(read[0], 21);
    clone.write(0, bytes(1));
    t.end();
  });
}

t.test('touch refuses a page that is not there, and says which', (t) => {
  const { image } = rig(t);
  const clone = image.clone();
  const error = refused(t, 'POOL_RANGE', () => clone.touch(Uint32Array.of(1, 2, 64, 3)));
  t.equal(error.index, 2);
  t.equal(clone.delta, 2 * PAGE_SIZE);
  t.end();
});

t.test('diff finds the pages that differ, not those that are dirty', (t) => {
  const { pool, image } = rig(t);
  const [a, b] = [image.clone(), image.clone()];
  a.write(0, bytes(1)); // what the image says as well
  a.write(3 * PAGE_SIZE, bytes(9));
  b.write(4 * PAGE_SIZE + 5, bytes(9));
  a.write(8 * PAGE_SIZE, bytes(9));
  b.write(8 * PAGE_SIZE, bytes(9));
  b.write(63 * PAGE_SIZE, bytes(9));
  const expected = [
    { offset: 3 * PAGE_SIZE, length: 2 * PAGE_SIZE },
    { offset: 63 * PAGE_SIZE, length: PAGE_SIZE },
  ];
  t.strictSame(a.diff(b), expected);
  t.strictSame(b.diff(a), expected);
  t.strictSame(a.diff(a), []);
  const other = pool.createImage(image.size);
  other.seal();
  refused(t, 'POOL_IMAGE', () => a.diff(other.clone()));
  t.end();
});

t.test('gather and scatter move one window of many clones', (t) => {
  const { pool, image } = rig(t, { cap: 2 * PAGE_SIZE });
  const clones = [image.clone(), image.clone(), image.clone()];
  const ids = Uint32Array.from(clones, ({ id }) => id);
  const offsets = Float64Array.of(0, PAGE_SIZE - 1, 5 * PAGE_SIZE);
  pool.scatter(ids, offsets, 2, bytes(11, 12, 21, 22, 31, 32));
  const read = new Uint8Array(6);
  pool.gather(ids, offsets, 2, read);
  t.strictSame(read, bytes(11, 12, 21, 22, 31, 32));
  const one = new Uint8Array(2);
  clones[1]!.read(PAGE_SIZE - 1, one);
  t.strictSame(one, bytes(21, 22));
  t.equal(clones[1]!.delta, 2 * PAGE_SIZE);

  // Clone 1 is at its cap: entry 0 is written, entry 2 is not.
  const error = refused(t, 'POOL_CAP', () =>
    pool.scatter(ids, Float64Array.of(0, 9 * PAGE_SIZE, 0), 1, bytes(91, 92, 93)),
  );
  t.equal(error.index, 1);
  pool.gather(ids, Float64Array.of(0, 0, 0), 1, read);
  t.strictSame(read.subarray(0, 3), bytes(91, 1, 1));

  for (const offset of [-1, 0.5, Number.NaN, Infinity, image.size, 2 ** 63]) {
    const bad = refused(t, 'POOL_RANGE', () => pool.gather(ids, Float64Array.of(0, 0, offset), 1, read));
    t.equal(bad.index, 2);
  }
  refused(t, 'POOL_RANGE', () => pool.gather(ids, offsets, 3, read));
  refused(t, 'POOL_RANGE', () => pool.gather(ids, offsets.subarray(1), 1, read));
  refused(t, 'POOL_RANGE', () => pool.gather(ids, offsets, 2 ** 52, read));
  refused(t, 'POOL_RANGE', () => pool.gather(ids, offsets, -1, read));
  t.end();
});

t.test('native functions refuse arguments of the wrong type', (t) => {
  const { pool, image } = rig(t);
  const clone = image.clone();
  const wrong = (value: unknown) => value as Uint8Array;
  for (const value of [
    undefined,
    null,
    1,
    'x',
    [],
    {},
    new ArrayBuffer(8),
    new DataView(new ArrayBuffer(8)),
    new Uint16Array(4),
  ]) {
    t.throws(() => clone.write(0, wrong(value)));
    t.throws(() => clone.read(0, wrong(value)));
    t.throws(() => clone.touch(wrong(value) as unknown as Uint32Array), TypeError);
    t.throws(() => pool.gather(wrong(value) as unknown as Uint32Array, new Float64Array(1), 1, bytes(0)), TypeError);
  }
  const raw = new native.PagePool(MB, MB, 1, 0, (code) => new Error(code));
  t.throws(() => raw.read.call({} as typeof raw, 1, 0, bytes(0)), TypeError);
  t.throws(() => raw.read(1.5, 0, bytes(0)), RangeError);
  t.throws(() => raw.read(2 ** 32, 0, bytes(0)), RangeError);
  t.throws(() => raw.read('1' as unknown as number, 0, bytes(0)), TypeError);
  t.throws(() => raw.read(0, 0, bytes(0)), /POOL_CLOSED/);
  t.throws(() => new native.PagePool(MB, MB, 1, 3, (code) => new Error(code)), RangeError);
  t.throws(() => new native.PagePool(MB, MB, 1, 0, 1 as unknown as () => Error), TypeError);
  raw.close();
  t.end();
});
