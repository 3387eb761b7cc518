import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { exportDelta } from '../../../src/farm/delta.js';
import { PAGE_SIZE, Pool, type ReferenceImage } from '../../../src/farm/pool.js';
import { ProcessMemory } from '../../../src/farm/process-memory.js';
import { native } from '../../../src/native/addon.js';
import { GuestProcess } from './guest-process.js';

const PAGES = 4096;
const SIZE = PAGES * PAGE_SIZE;

function makeImage(t: Test): ReferenceImage {
  const pool = new Pool({ budget: 1 << 26 });
  t.teardown(() => pool.close());
  const image = pool.createImage(SIZE);
  image.write(0, new Uint8Array(SIZE / 2).fill(0x55));
  image.seal();
  return image;
}

const byteAt = (memory: ProcessMemory, offset: number): number => {
  const byte = new Uint8Array(1);
  memory.read(offset, byte);
  return byte[0]!;
};

for (const scan of ['ioctl', 'pagemap'] as const) {
  t.test(`guests in processes of their own, by ${scan}`, async (t) => {
    const image = makeImage(t);
    const guests = await Promise.all([0, 1, 2].map(() => new GuestProcess(t, image.fd, SIZE).ready()));
    const memories = guests.map(({ pid }) => new ProcessMemory(pid, image, { scan }));
    t.teardown(() => memories.forEach((memory) => void memory.close()));
    const [first, second, third] = memories as [ProcessMemory, ProcessMemory, ProcessMemory];
    t.strictSame(
      memories.map((memory) => memory.delta()),
      [0, 0, 0],
    );

    t.test('what a guest writes is its delta', async (t) => {
      await guests[0]!.tell(`w ${3 * PAGE_SIZE + 5} 7`);
      await guests[0]!.tell(`w ${4 * PAGE_SIZE} 8`);
      await guests[0]!.tell(`w ${(PAGES - 1) * PAGE_SIZE} 9`);
      await guests[0]!.tell(`r ${100 * PAGE_SIZE}`);
      t.equal(first.delta(), 3 * PAGE_SIZE);
      t.strictSame(first.dirtyRanges(), [
        { offset: 3 * PAGE_SIZE, length: 2 * PAGE_SIZE },
        { offset: (PAGES - 1) * PAGE_SIZE, length: PAGE_SIZE },
      ]);
      t.equal(byteAt(first, 3 * PAGE_SIZE + 5), 7);
      t.equal(byteAt(first, 3 * PAGE_SIZE + 6), 0x55, 'the rest of the page is the image');
      t.strictSame([second.delta(), byteAt(second, 3 * PAGE_SIZE + 5)], [0, 0x55], 'no other guest sees it');
    });

    t.test('what is written from outside is seen by that guest alone', async (t) => {
      second.write(10 * PAGE_SIZE - 2, Uint8Array.of(1, 2, 3, 4));
      t.equal(await guests[1]!.tell(`r ${10 * PAGE_SIZE}`), 3);
      t.equal(await guests[2]!.tell(`r ${10 * PAGE_SIZE}`), 0x55);
      t.equal(second.delta(), 2 * PAGE_SIZE);
      t.equal(third.delta(), 0);
      const original = new Uint8Array(1);
      image.read(10 * PAGE_SIZE, original);
      t.equal(original[0], 0x55);
      t.throws(() => second.write(SIZE - 1, new Uint8Array(2)), { code: 'POOL_RANGE' });
    });

    t.test('the account adds up', async (t) => {
      const { guest, shared, overhead, pss, private: own } = first.account();
      t.equal(guest, 3 * PAGE_SIZE);
      t.equal(guest + shared + overhead, pss);
      t.ok(overhead > 1e6, 'a process of its own costs more than its guest');
      t.ok(own >= guest);
    });

    t.test('a delta goes into a file and into a page clone', async (t) => {
      const dir = mkdtempSync(join(tmpdir(), 'delta-'));
      t.teardown(() => rmSync(dir, { recursive: true }));
      const file = join(dir, 'a.delta');
      // A page that is written and as it was.
      await guests[0]!.tell(`w ${200 * PAGE_SIZE} ${0x55}`);
      t.strictSame(await exportDelta(first, file), { bytes: 4 * PAGE_SIZE, equal: 0 });
      const copy = image.clone();
      await copy.importDelta(file);
      t.strictSame(copy.dirtyRanges(), first.dirtyRanges());
      t.strictSame(await exportDelta(first, file, { differing: true }), { bytes: 3 * PAGE_SIZE, equal: PAGE_SIZE });
      await copy.importDelta(file);
      t.equal(copy.delta, 3 * PAGE_SIZE);
      const bytes = new Uint8Array(SIZE);
      const wanted = new Uint8Array(SIZE);
      copy.read(0, bytes);
      first.read(0, wanted);
      t.ok(Buffer.compare(bytes, wanted) === 0, 'byte for byte');
    });

    t.test('a process that has ended is told from one without a delta', async (t) => {
      await guests[2]!.kill();
      t.throws(() => third.delta(), { code: 'ESRCH' });
      t.throws(() => third.dirtyRanges(), { code: 'ESRCH' });
      t.throws(() => byteAt(third, 0), { code: 'ESRCH' });
      t.throws(() => third.write(0, new Uint8Array(1)), { code: 'ESRCH' });
      t.throws(() => third.account(), { code: 'ESRCH' });
      t.throws(() => new ProcessMemory(guests[2]!.pid, image, { scan }), { code: 'ENOENT' });
      t.equal(first.delta(), 4 * PAGE_SIZE, 'the others go on');
      third.close();
      third.close();
      t.throws(() => third.delta(), { message: /closed/ });
    });
  });
}

t.test('a mapping in several pieces is found, and one of another image is not', async (t) => {
  const image = makeImage(t);
  const guest = await new GuestProcess(t, image.fd, SIZE).ready();
  await guest.tell(`s ${SIZE / 2}`);
  const memory = new ProcessMemory(guest.pid, image);
  await guest.tell(`w ${SIZE - 1} 1`);
  t.strictSame(memory.dirtyRanges(), [{ offset: SIZE - PAGE_SIZE, length: PAGE_SIZE }]);
  memory.close();
  t.throws(() => new ProcessMemory(guest.pid, makeImage(t)), {
    message: `process ${guest.pid}: expected a private mapping of ${SIZE} bytes of the image, found 0`,
  });
});

t.test('native functions refuse arguments that make no sense', async (t) => {
  const { ProcessMemory } = native;
  const { pid } = process;
  for (const [pid, base, size, scan] of [
    [0, 0, PAGE_SIZE, 0],
    [process.pid, 1, PAGE_SIZE, 0],
    [process.pid, 0, PAGE_SIZE - 1, 0],
    [process.pid, 0, 0, 0],
    [process.pid, PAGE_SIZE, Number.MAX_SAFE_INTEGER, 0],
    [process.pid, 0, PAGE_SIZE, 3],
  ] as const) {
    t.throws(() => new ProcessMemory(pid, base, size, scan), RangeError);
  }
  const memory = new ProcessMemory(pid, 0, PAGE_SIZE, 0);
  t.throws(() => memory.read(1, new Uint8Array(PAGE_SIZE)), RangeError);
  t.throws(() => memory.write(Number.MAX_SAFE_INTEGER, new Uint8Array(1)), RangeError);
  t.throws(() => memory.read(0, [] as unknown as Uint8Array), TypeError);
  // Page 0 is mapped in no process.
  t.throws(() => memory.read(0, new Uint8Array(1)), { code: 'EIO' });
  memory.close();
});

const qemu = '/usr/bin/qemu-system-x86_64';
t.test('a machine of QEMU', { skip: existsSync(qemu) ? false : `${qemu} is not installed` }, async (t) => {
  const pool = new Pool({ budget: 1 << 26 });
  const image = pool.createImage(64 << 20);
  image.write(5 * PAGE_SIZE, Uint8Array.of(42));
  image.seal();
  const ram = `memory-backend-file,id=m0,size=64M,mem-path=/proc/self/fd/3,share=off`;
  const flags = ['-nodefaults', '-no-user-config', '-display', 'none', '-S', '-object', ram];
  const child = spawn(qemu, [...flags, '-M', 'pc,memory-backend=m0', '-m', '64M', '-qmp', 'stdio'], {
    stdio: ['pipe', 'pipe', 'inherit', image.fd],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
    pool.close();
  });
  // The greeting of QMP: the machine is made.
  await new Promise((resolve) => child.stdout!.once('data', resolve));
  const memory = new ProcessMemory(child.pid!, image);
  const before = memory.delta();
  t.equal(byteAt(memory, 5 * PAGE_SIZE), 42);
  memory.write(5 * PAGE_SIZE, new Uint8Array(PAGE_SIZE).fill(7));
  t.equal(memory.delta(), before + PAGE_SIZE);
  t.ok(memory.dirtyRanges().some(({ offset, length }) => offset <= 5 * PAGE_SIZE && offset + length > 5 * PAGE_SIZE));
  const { guest, overhead } = memory.account();
  t.equal(guest, before + PAGE_SIZE);
  t.ok(overhead > 5e6, `${overhead} bytes of QEMU's own`);
  memory.close();
});
