/** Descriptors that are made for other processes, and handed to them. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, readFileSync, readSync, writeSync } from 'node:fs';
import t, { type Test } from 'tap';
import { native } from '../../../src/native/addon.js';
import { ROWS } from '../../../src/packet/columns.js';
import { Packets } from '../../../src/packet/packets.js';

const asRoot = {
  skip: process.getuid?.() === 0 ? false : 'needs root: others have the queues that the host gives them',
};

/** Runs a program whose descriptor 3 is `fd`. @returns what it printed */
function python(program: string, fd: number): string {
  // Without the sanitizers that this process may run under.
  const env = { PATH: process.env.PATH };
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program], {
    ...{ env, stdio: ['ignore', 'pipe', 'pipe', fd], encoding: 'utf8', timeout: 60_000 },
  });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** Receives once, and prints the bytes that came, the descriptors, and what is in each. */
const RECEIVER = `
import os, socket
s = socket.socket(fileno=3)
s.setblocking(True)
data, fds, flags, _ = socket.recv_fds(s, 100, 253)
print(data.decode(), len(fds), *sorted({os.pread(fd, 100, 0).decode() for fd in fds}))
`;

function streamPair(t: Test): readonly [number, number] {
  const pair = native.streamPair();
  t.teardown(() => pair.forEach((fd) => void closeSync(fd)));
  return pair;
}

function file(t: Test, name: string): number {
  const fd = native.memoryFile(name, 0);
  t.teardown(() => closeSync(fd));
  writeSync(fd, name);
  return fd;
}

t.test('a pair of frame sockets has room for hundreds of frames', asRoot, async (t) => {
  const ends = native.framePair().map((fd) => native.openFrames(fd, 14));
  t.teardown(() => ends.forEach((end) => void end.close()));
  const [ours, theirs] = ends as [(typeof ends)[0], (typeof ends)[0]];
  const packets = new Packets();
  const rows = Uint16Array.from({ length: 400 }, () => {
    const row = packets.take();
    packets.length[row] = 1514;
    return row;
  });
  t.equal(ours.send(packets.bytes, rows, rows.length), 400);
  let arrived = 0;
  for (let last = -1; last !== 0; arrived += last) last = theirs.receive(new Packets().bytes, 0, ROWS);
  t.equal(arrived, 400);
});

t.test('descriptors arrive with the first bytes, in order', async (t) => {
  const [ours, theirs] = streamPair(t);
  const fds = Int32Array.of(file(t, 'a'), file(t, 'b'));
  t.equal(native.sendDescriptors(ours, Buffer.from('first '), fds), 6);
  t.equal(native.sendDescriptors(ours, Buffer.from('second'), new Int32Array(0)), 6);
  t.equal(python(RECEIVER, theirs), 'first  2 a b', 'and what is sent afterwards does not mix with them');
  t.equal(python(RECEIVER, theirs), 'second 0');
});

t.test('as many as fit into a message, and no more', async (t) => {
  const [ours, theirs] = streamPair(t);
  const fd = file(t, 'same');
  t.equal(native.sendDescriptors(ours, Buffer.from('x'), new Int32Array(253).fill(fd)), 1);
  t.equal(python(RECEIVER, theirs), 'x 253 same');
  t.throws(() => native.sendDescriptors(ours, Buffer.from('x'), new Int32Array(254).fill(fd)), {
    message: /sending 254 descriptors/,
    code: 'EINVAL',
  });
  t.throws(() => native.sendDescriptors(ours, new Uint8Array(0), Int32Array.of(fd)), { code: 'EINVAL' });
  t.throws(() => native.sendDescriptors(ours, Buffer.from('x'), Int32Array.of(-1)), { code: 'EBADF' });
  t.throws(() => native.sendDescriptors(-1, Buffer.from('x'), new Int32Array(0)), RangeError);
});

t.test('who does not read keeps nobody waiting', async (t) => {
  const [ours, theirs] = streamPair(t);
  const bytes = Buffer.alloc(1 << 20);
  const none = new Int32Array(0);
  let sent = 0;
  for (let last = -1; last !== 0; sent += last) last = native.sendDescriptors(ours, bytes, none);
  t.ok(sent > 0);
  const child = spawn('python3', ['-c', `import os; print(len(os.read(3, ${sent})))`], {
    ...{ env: { PATH: process.env.PATH }, stdio: ['ignore', 'ignore', 'inherit', theirs] },
  });
  await new Promise((resolve) => child.once('close', resolve));
  t.ok(native.sendDescriptors(ours, bytes, none) > 0, 'there is room again');
});

t.test('whoever is gone is told of by an error, not by a signal', async (t) => {
  const [ours, theirs] = native.streamPair();
  t.teardown(() => closeSync(ours));
  closeSync(theirs);
  t.throws(() => native.sendDescriptors(ours, Buffer.from('x'), new Int32Array(0)), { code: 'EPIPE' });
});

t.test('a memory file', async (t) => {
  const fd = native.memoryFile('mine', 10_000);
  t.teardown(() => closeSync(fd));
  t.equal(fstatSync(fd).size, 10_000);
  const bytes = Buffer.alloc(20_000, 1);
  t.equal(readSync(fd, bytes), 10_000);
  t.ok(bytes.subarray(0, 10_000).every((byte) => byte === 0));
  // F_ADD_SEALS: all of them.
  python('import fcntl; fcntl.fcntl(3, 1033, 15)', fd);
  t.throws(() => writeSync(fd, 'x'), { code: 'EPERM' }, 'it can be sealed');
  t.throws(() => native.memoryFile('x'.repeat(300), 1), { message: /making the memory file xxx/ });
  t.throws(() => native.memoryFile('x', -1), RangeError);
});

t.test('no child inherits what is not handed to it', async (t) => {
  const fds = [...streamPair(t), file(t, 'mine')];
  fds.push(native.duplicate(fds[2]!), ...native.framePair());
  t.teardown(() => fds.slice(3).forEach((fd) => void closeSync(fd)));
  for (const fd of fds) {
    const flags = Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!, 8);
    t.ok(flags & 0o2000000, 'O_CLOEXEC');
  }
  t.throws(() => native.duplicate(1_000_000), { code: 'EBADF' });
});
