/** Frame sockets whose other end is hostile, and arguments that must not reach memory. No privileges are needed. */
import { spawnSync } from 'node:child_process';
import { closeSync, readdirSync } from 'node:fs';
import t, { type Test } from 'tap';
import { native } from '../../../src/native/addon.js';
import { ROWS, SLOT } from '../../../src/packet/columns.js';
import { Packets } from '../../../src/packet/packets.js';
import { udp } from './build.js';

function pair(t: Test) {
  const [ours, theirs] = native.framePair().map((fd) => native.openFrames(fd, 14));
  t.teardown(() => {
    ours!.close();
    theirs!.close();
  });
  return { ours: ours!, theirs: theirs! };
}

function tableOf(bytes: Uint8Array): { packets: Packets; row: number } {
  const packets = new Packets();
  const row = packets.take();
  packets.bytes.set(bytes, packets.start[row]!);
  packets.length[row] = bytes.length;
  return { packets, row };
}

const openFiles = () => readdirSync('/proc/self/fd').length;

/** Sends five datagrams over its descriptor 3, each with a duplicate of its standard input. */
const SMUGGLER = `
import array, socket
s = socket.socket(fileno=3)
for count in range(5):
    s.sendmsg([bytes(60)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * (count + 1)))])
`;

t.test('a clone cannot fill our table of open files by passing descriptors', async (t) => {
  const [ours, theirs] = native.framePair();
  const device = native.openFrames(ours, 14);
  t.teardown(() => device.close());
  const before = openFiles();
  const { status, stderr } = spawnSync('python3', ['-c', SMUGGLER], { stdio: ['ignore', 'ignore', 'pipe', theirs] });
  t.equal(status, 0, String(stderr));
  const packets = new Packets();
  t.equal(device.receive(packets.bytes, 0, ROWS), 5, 'the frames themselves arrive');
  t.ok(packets.sec[0]! > 0 && packets.length[0] === 60);
  t.equal(openFiles(), before);
  native.openFrames(theirs, 0).close();
});

t.test('a list of more rows than a table has is refused', async (t) => {
  const { ours } = pair(t);
  const { packets, row } = tableOf(udp());
  packets.length[row] = 0;
  const many = new Uint16Array(ROWS * 8).fill(row);
  t.throws(() => ours.send(packets.bytes, many, many.length), RangeError);
});

t.test('rows that a call could change after they were checked are refused', async (t) => {
  const { ours } = pair(t);
  const { packets, row } = tableOf(udp());
  const rows = new Uint16Array(packets.bytes.buffer, packets.slot(ROWS - 1), 1).fill(row);
  t.throws(() => ours.send(packets.bytes, rows, 1), TypeError);
  t.throws(() => native.ipCheck(packets.bytes, rows, 1, 0), TypeError);
});

t.test('a row whose columns point out of its slot is not sent', async (t) => {
  const { ours, theirs } = pair(t);
  const { packets, row } = tableOf(udp());
  const inSlot = packets.start[row]!;
  for (const [start, length] of [
    [0, 64],
    [packets.slot(row) - 1, 64],
    [packets.slot(row + 1), 64],
    [inSlot, SLOT],
    [inSlot, 0xffffffff],
  ] as const) {
    packets.start[row] = start;
    packets.length[row] = length;
    t.equal(ours.send(packets.bytes, Uint16Array.of(row), 1), 0, `${start}+${length}`);
  }
  packets.start[row] = inSlot;
  packets.length[row] = 60;
  t.equal(ours.send(packets.bytes, Uint16Array.of(row), 1), 1);
  t.equal(theirs.receive(packets.bytes, 0, ROWS), 1);
});

t.test('an argument out of range closes nothing', async (t) => {
  const fds = native.framePair();
  for (const fd of fds) t.throws(() => native.openFrames(fd, 65), RangeError);
  for (const fd of fds) t.doesNotThrow(() => closeSync(fd), 'it is still open');
});
