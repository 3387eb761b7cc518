/** The wires of many clones behind one device, with hostile ends. No privileges are needed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { native } from '../../../src/native/addon.js';
import type { NativeDevice, NativeWires } from '../../../src/native/device.js';
import { BATCH, HEADROOM, MAX_PACKET, ROWS, SLOT } from '../../../src/packet/columns.js';
import { Packets } from '../../../src/packet/packets.js';
import { faultOf } from './build.js';

const ETHERNET = 14;
/** Rows of a call that one wire fills at most; native/wires.h says the same. */
const SHARE = 64;

const openFiles = () => readdirSync('/proc/self/fd').length;

function wiresOf(t: Test, clones: Iterable<number> = []) {
  const wires = native.openWires();
  const ends = new Map<number, NativeDevice>();
  t.teardown(() => {
    wires.close();
    for (const end of ends.values()) end.close();
  });
  for (const clone of clones) {
    const [ours, theirs] = native.framePair();
    wires.add(clone, ours);
    ends.set(clone, native.openFrames(theirs, ETHERNET));
  }
  return { wires, end: (clone: number) => ends.get(clone)! };
}

/** A table with frames of 60 bytes, the first two of which say which one it is. */
function frames(...clones: number[]): { packets: Packets; rows: Uint16Array } {
  const packets = new Packets();
  const rows = clones.map((clone, i) => {
    const row = packets.take();
    packets.view.setUint16(packets.start[row]!, i);
    packets.length[row] = 60;
    packets.clone[row] = clone;
    return row;
  });
  return { packets, rows: Uint16Array.from(rows) };
}

const numbered = frames(...Array<number>(ROWS).fill(0));

/** Sends frames from the end of a wire, as many as it takes; each says its number. */
function sendFrom(end: NativeDevice, count: number): void {
  end.send(numbered.packets.bytes, numbered.rows.slice(), count);
}

/** What one call of receive brings: the sender and the number of each frame. */
function receive(wires: NativeWires, max: number = BATCH): [clone: number, frame: number][] {
  const packets = new Packets();
  const rows = wires.receive(packets.bytes, 0, max);
  return Array.from({ length: rows }, (_, row) => [packets.clone[row]!, packets.view.getUint16(packets.start[row]!)]);
}

/** Runs a program at the other end of a wire: its descriptor 3. */
function python(t: Test, program: string, end: number): void {
  // Without the sanitizers that this process may run under.
  const env = { PATH: process.env.PATH };
  const { status, stderr } = spawnSync('python3', ['-c', program], { env, stdio: ['ignore', 'ignore', 'pipe', end] });
  t.equal(status, 0, String(stderr));
}

/** The numbers of the frames that arrived at the end of a wire. */
function arrived(end: NativeDevice): number[] {
  const packets = new Packets();
  const rows = end.receive(packets.bytes, 0, ROWS);
  return Array.from({ length: rows }, (_, row) => packets.view.getUint16(packets.start[row]!));
}

t.test('a frame starts at its Ethernet header and says whose it is', async (t) => {
  const { wires, end } = wiresOf(t, [7, 0xffff_ffff]);
  sendFrom(end(0xffff_ffff), 1);
  sendFrom(end(7), 2);
  const packets = new Packets();
  t.equal(wires.receive(packets.bytes, 5, BATCH), 3);
  for (const row of [5, 6, 7]) {
    t.equal(packets.start[row], packets.slot(row) + HEADROOM - ETHERNET);
    t.strictSame([packets.length[row], packets.fault[row], packets.universe[row]], [60, 0, 0]);
    t.ok(packets.sec[row]! > 1_600_000_000);
  }
  t.strictSame([...packets.clone.subarray(5, 8)].sort(), [7, 7, 0xffff_ffff].sort());
  t.equal(wires.drops(), 0);
});

t.test('every row goes to its own wire, in order, and only those that cannot are refused', async (t) => {
  const { wires, end } = wiresOf(t, [1, 2, 3]);
  const { packets, rows } = frames(1, 2, 9, 1, 0, 3, 2, 1, 2);
  packets.length[8] = 0;
  t.equal(wires.send(packets.bytes, rows, rows.length), 6);
  t.strictSame([...rows.subarray(0, 6)], [0, 1, 3, 5, 6, 7], 'the accepted ones in their order');
  t.strictSame([...rows.subarray(6)].sort(), [2, 4, 8], 'no such clone, nobody, an empty frame');
  t.strictSame([arrived(end(1)), arrived(end(2)), arrived(end(3))], [[0, 3, 7], [1, 6], [5]]);
});

t.test('more rows than a batch go to one wire', async (t) => {
  const { wires, end } = wiresOf(t, [1]);
  const { packets, rows } = frames(...Array<number>(BATCH + 50).fill(1));
  t.equal(wires.send(packets.bytes, rows, rows.length), rows.length);
  t.strictSame([...arrived(end(1)), ...arrived(end(1))], [...rows]);
});

t.test('a wire that nobody reads refuses its own rows, and no others', async (t) => {
  const { wires, end } = wiresOf(t, [1, 2]);
  const jam = () => {
    const { packets, rows } = frames(...Array<number>(ROWS).fill(1));
    return wires.send(packets.bytes, rows, ROWS);
  };
  for (let calls = 0; jam() > 0; calls++) if (calls > 1000) throw new Error('the wire is never full');
  const { packets, rows } = frames(1, 2, 1, 2);
  t.equal(wires.send(packets.bytes, rows, 4), 2);
  t.strictSame([...rows], [1, 3, 0, 2]);
  t.strictSame(arrived(end(2)), [1, 3]);
  arrived(end(1));
  const again = frames(1);
  t.equal(wires.send(again.packets.bytes, again.rows, 1), 1, 'once something was read, it takes more');
});

t.test('of 1,000 wires one floods, and holds up no other', async (t) => {
  const before = openFiles();
  const clones = Array.from({ length: 1000 }, (_, i) => i + 1);
  const { wires, end } = wiresOf(t, clones);
  const flood = () => sendFrom(end(500), ROWS);
  flood();
  for (const clone of clones) if (clone !== 500) sendFrom(end(clone), 2);
  const seen = new Map<number, number[]>();
  let calls = 0;
  for (let left = 2 * 999; left > 0; calls++) {
    if (calls > 100) throw new Error('somebody starves');
    flood();
    const got = receive(wires);
    const others = got.filter(([clone]) => clone !== 500);
    t.ok(got.length - others.length <= SHARE);
    for (const [clone, frame] of others) seen.set(clone, [...(seen.get(clone) ?? []), frame]);
    left -= others.length;
  }
  t.ok(calls <= Math.ceil((2 * 999) / (BATCH - SHARE)), `${calls} calls`);
  t.equal(seen.size, 999);
  t.ok(
    [...seen.values()].every((list) => list.join() === '0,1'),
    'each gets its own two frames through, in order',
  );
  wires.close();
  for (const clone of clones) end(clone).close();
  t.equal(openFiles(), before, 'all is closed');
});

t.test('a wire that floods alone is served, within its share of a call', async (t) => {
  const { wires, end } = wiresOf(t, [1]);
  sendFrom(end(1), 100);
  t.equal(receive(wires).length, SHARE);
  t.equal(receive(wires).length, 100 - SHARE);
  t.equal(receive(wires, 0).length, 0);
});

t.test('what waits on a wire that is removed goes with it', async (t) => {
  const { wires, end } = wiresOf(t, [1, 2]);
  sendFrom(end(1), 3);
  sendFrom(end(2), 1);
  t.equal(wires.remove(1), true);
  t.equal(wires.remove(1), false);
  t.strictSame(receive(wires), [[2, 0]]);
  const { packets, rows } = frames(1, 2);
  t.equal(wires.send(packets.bytes, rows, 2), 1);
  t.strictSame([...rows], [1, 0]);
});

t.test('a removed wire is gone, even if a child process holds its socket', async (t) => {
  const { wires } = wiresOf(t);
  const [ours, theirs] = native.framePair();
  const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', ours] });
  t.teardown(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const end = native.openFrames(theirs, ETHERNET);
  t.teardown(() => end.close());
  wires.add(1, ours);
  wires.remove(1);
  sendFrom(end, 1);
  let calls = 0;
  wires.onReadable(() => calls++);
  for (let i = 0; i < 50; i++) await turn();
  t.strictSame([receive(wires), calls], [[], 0]);
});

t.test('a wire whose other end is closed takes nothing and wakes nobody', async (t) => {
  const { wires, end } = wiresOf(t, [1, 2]);
  sendFrom(end(1), 1);
  end(1).close();
  t.strictSame(receive(wires), [[1, 0]], 'what it had sent arrives');
  for (let i = 0; i < 2; i++) {
    const { packets, rows } = frames(1, 2, 1);
    t.equal(wires.send(packets.bytes, rows, 3), 1);
    t.strictSame([...rows], [1, 0, 2]);
  }
  let calls = 0;
  wires.onReadable(() => calls++);
  for (let i = 0; i < 50; i++) await turn();
  t.equal(calls, 0);
  t.equal(wires.remove(1), true);
});

/** Connects its descriptor 3 to another socket, which puts the socket at the first one's other end into error. */
const TURNCOAT = `
import socket, tempfile
with tempfile.TemporaryDirectory() as folder:
    # By a path: an abstract name would be looked for in the network namespace of descriptor 3, which for root is not ours.
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    other.bind(folder + '/other')
    socket.socket(fileno=3).connect(other.getsockname())
`;

t.test('a wire whose other end turns to somebody else wakes nobody', async (t) => {
  const { wires, end } = wiresOf(t, [2]);
  const [ours, theirs] = native.framePair();
  wires.add(1, ours);
  python(t, TURNCOAT, theirs);
  closeSync(theirs);
  sendFrom(end(2), 1);
  t.strictSame(receive(wires), [[2, 0]]);
  let calls = 0;
  wires.onReadable(() => calls++);
  for (let i = 0; i < 50; i++) await turn();
  t.equal(calls, 0, 'an error does not stay');
});

t.test('readable while a frame waits on any wire', async (t) => {
  const { wires, end } = wiresOf(t, [1, 2]);
  const got: [number, number][] = [];
  let calls = 0;
  const done = new Promise<void>((resolve) => {
    wires.onReadable(() => {
      calls++;
      got.push(...receive(wires, 1));
      if (got.length === 3) resolve();
    });
  });
  sendFrom(end(1), 2);
  sendFrom(end(2), 1);
  await done;
  t.strictSame(got.sort(), [
    [1, 0],
    [1, 1],
    [2, 0],
  ]);
  t.equal(calls, 3, 'a callback follows as long as something is left');
});

t.test('descriptors are taken over, or closed', async (t) => {
  const { wires } = wiresOf(t, [1]);
  const before = openFiles();
  const [ours, theirs] = native.framePair();
  t.throws(() => wires.add(1, ours), { code: 'EEXIST', message: /clone 1, who has one/ });
  t.throws(() => wires.add(0, theirs), { code: 'EINVAL' });
  t.equal(openFiles(), before, 'both are closed');
  t.throws(() => wires.add(2, openSync('/dev/null', 'r')), { code: 'ENOTSOCK' });
  t.equal(openFiles(), before);
  const kept = native.framePair();
  for (const wrong of [-1, 1.5, 2 ** 32, Number.NaN]) t.throws(() => wires.add(wrong, kept[0]), RangeError);
  t.throws(() => wires.remove(-1), RangeError);
  for (const fd of kept) closeSync(fd);
});

/** Sends five datagrams over its descriptor 3, each with duplicates of its standard input. */
const SMUGGLER = `
import array, socket
s = socket.socket(fileno=3)
for count in range(5):
    s.sendmsg([bytes(60)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * (count + 1)))])
`;

t.test('descriptors that a clone passes are not accepted', async (t) => {
  const { wires } = wiresOf(t);
  const [ours, theirs] = native.framePair();
  // Sent before the wire is added, and after.
  for (const add of [false, true]) {
    if (add) wires.add(1, ours);
    python(t, SMUGGLER, theirs);
  }
  closeSync(theirs);
  const before = openFiles();
  t.equal(receive(wires).length, 10, 'the frames themselves arrive');
  t.equal(openFiles(), before);
});

t.test('frames of any length, and rows that leave their slot', async (t) => {
  const { wires, end } = wiresOf(t, [1]);
  const long = native.framePair();
  wires.add(2, long[0]);
  python(t, 'import socket\nsocket.socket(fileno=3).send(bytes(9000))', long[1]);
  closeSync(long[1]);
  const packets = new Packets();
  t.equal(wires.receive(packets.bytes, 0, 1), 1);
  t.strictSame([faultOf(packets), packets.length[0], packets.clone[0]], ['oversize', MAX_PACKET + ETHERNET, 2]);

  const { packets: out, rows } = frames(1, 1, 1, 1);
  out.start[0] = 0;
  out.start[1] = out.slot(1) - 1;
  out.length[2] = SLOT;
  t.equal(wires.send(out.bytes, rows, 4), 1);
  t.strictSame(arrived(end(1)), [3]);
});

t.test('a closed device refuses all', async (t) => {
  const { wires } = wiresOf(t, [1]);
  wires.close();
  wires.close();
  const { packets, rows } = frames(1);
  t.throws(() => wires.receive(packets.bytes, 0, 1), /closed/);
  t.throws(() => wires.send(packets.bytes, rows, 1), /closed/);
  t.throws(() => wires.remove(1), /closed/);
});
