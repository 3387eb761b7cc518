import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { native } from '../../../src/native/addon.js';
import type { NativeDevice } from '../../../src/native/device.js';
import { BATCH, MAX_PACKET, ROWS } from '../../../src/packet/columns.js';
import { FAULT } from '../../../src/packet/faults.js';
import { Packets } from '../../../src/packet/packets.js';
import { ALL, workerFor } from '../../../src/packet/spread.js';
import { ip, noNamespaces, Pair } from '../../e2e/netns.js';
import { add, checksum, collect, LEFT, packet, RIGHT } from '../../e2e/packets.js';
import { craft } from '../craft.js';
import { greVariants } from '../gre-variants.js';

const MB = 1 << 20;
const ring = { interface: 'leg', protocol: 0, local: 0, blockBytes: 1 << 18, blocks: 8, retire: 0, ...ALL };
const raw = { protocol: 255, local: 0, interface: '', receiveBuffer: MB };
const skip = noNamespaces;

/** Namespaces of one test, and devices opened in one of them. This thread stays in the one that was last used. */
function rig(t: Test) {
  const pair = new Pair();
  const opened: NativeDevice[] = [];
  t.teardown(() => {
    for (const device of opened) device.close();
    pair.remove();
  });
  const open = (space: string, how: () => NativeDevice) => {
    native.enterNamespace(space);
    const device = how();
    opened.push(device);
    return device;
  };
  return {
    pair,
    left: (how: () => NativeDevice) => open(pair.left, how),
    right: (how: () => NativeDevice) => open(pair.right, how),
  };
}

function send(device: NativeDevice, ...packets: Uint8Array[]): number {
  const table = new Packets();
  const rows = Uint16Array.from(packets, (bytes) => add(table, bytes));
  return device.send(table.bytes, rows, rows.length);
}

/** Sends `size` bytes from this thread's namespace through the kernel's UDP. */
async function sendUdp(size: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.send(new Uint8Array(size).fill(size), 7, '192.0.2.2', () => socket.close());
  await once(socket, 'close');
}

/** Receives until all that was sent has arrived or been dropped, which on a busy machine the kernel does later. */
async function settle(device: NativeDevice, sent: number) {
  const rows = await collect(device, 1);
  while (rows.length + device.drops() < sent) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    rows.push(...(await collect(device, 0)));
  }
  return rows;
}

for (const [name, retire] of [
  ['TPACKET_V2', 0],
  ['TPACKET_V3', 1],
] as const) {
  t.test(`${name}: packets of every size arrive whole and in order`, { skip }, async (t) => {
    const { left, right } = rig(t);
    const from = left(() => native.openRaw(raw));
    const to = right(() => native.openRing({ ...ring, protocol: 253, retire }));
    const sent = Array.from({ length: BATCH }, (_, i) =>
      packet({ size: 20 + ((i * 7) % 1481), protocol: 253, id: i + 1 }),
    );
    t.equal(send(from, ...sent), BATCH);
    const rows = await collect(to, BATCH);
    t.same(
      rows.map((row) => row.bytes),
      sent,
    );
    const now = Date.now() / 1000;
    for (const row of rows) {
      if (row.fault !== FAULT.none) t.fail(`fault ${row.fault}`);
      if (Math.abs(row.sec - now) > 60 || row.nsec >= 1e9) t.fail(`timestamp ${row.sec}.${row.nsec}`);
    }
    t.equal(to.drops(), 0);
  });

  t.test(`${name}: rings of several workers take each its share`, { skip }, async (t) => {
    const { pair, left, right } = rig(t);
    native.enterNamespace(pair.left);
    const from = left(() => native.openLink('leg', Uint8Array.of(2, 0, 0, 0, 0, 2)));
    for (const workers of [2, 3]) {
      const rings = Array.from({ length: workers }, (_, worker) =>
        right(() => native.openRing({ ...ring, retire, worker, workers })),
      );
      const sent = [0x0a630000, 0x0a630001, 0x0a630002].flatMap(greVariants);
      sent.push(...[1, 2, 3, 4].map((dst) => craft({ proto: 17, dst: 0x0a630000 + dst })));
      t.equal(send(from, ...sent), sent.length);
      for (const [worker, each] of rings.entries()) {
        const own = sent.filter((bytes) => workerFor(bytes, workers) === worker);
        const rows = await collect(each, own.length);
        t.same(
          rows.map(({ bytes }) => bytes.toString()),
          own.map((bytes) => Uint8Array.from(bytes).toString()),
          `worker ${worker} of ${workers}`,
        );
        each.close();
      }
    }
  });

  t.test(`${name}: what does not fit is cut and marked`, { skip }, async (t) => {
    const { pair, right } = rig(t);
    for (const space of [pair.left, pair.right]) ip('-n', space, 'link', 'set', 'leg', 'mtu', '9000');
    const to = right(() => native.openRing({ ...ring, protocol: 17, retire }));
    native.enterNamespace(pair.left);
    for (const size of [MAX_PACKET, MAX_PACKET + 1, 9000]) await sendUdp(size - 28);
    t.match(
      (await collect(to, 3)).map(({ bytes, fault }) => [bytes.length, fault]),
      [FAULT.none, FAULT.oversize, FAULT.oversize].map((fault) => [MAX_PACKET, fault]),
    );
  });

  t.test(`${name}: packets that nobody takes are counted by the kernel`, { skip }, async (t) => {
    const { left, right } = rig(t);
    const from = left(() => native.openRaw(raw));
    const to = right(() => native.openRing({ ...ring, blockBytes: 1 << 16, blocks: 2, protocol: 253, retire }));
    let sent = 0;
    for (let i = 0; i < 8; i++)
      sent += send(from, ...Array<Uint8Array>(BATCH).fill(packet({ size: 1000, protocol: 253 })));
    const rows = await settle(to, sent);
    const drops = to.drops();
    t.ok(drops > 0);
    t.equal(rows.length + drops, sent);
    t.equal(to.drops(), drops, 'asking again does not count them again');
  });
}

t.test('the filter lets only the tunnel through', { skip }, async (t) => {
  const { left, right } = rig(t);
  const from = left(() => native.openRaw(raw));
  const to = right(() => native.openRing({ ...ring, protocol: 47, local: RIGHT }));
  const gre = packet({ size: 60, protocol: 47, id: 9 });
  const link = left(() => native.openLink('leg', Uint8Array.of(2, 0, 0, 0, 0, 2)));
  t.equal(send(link, packet({ protocol: 47, dst: RIGHT + 1 }), packet({ protocol: 253 })), 2);
  send(from, gre);
  t.same(
    (await collect(to, 1)).map((row) => row.bytes),
    [gre],
  );
});

t.test('a checksum that was left to the device is completed', { skip }, async (t) => {
  const { right, pair } = rig(t);
  const to = right(() => native.openRing({ ...ring, protocol: 17 }));
  native.enterNamespace(pair.left);
  for (const size of [0, 1, 2, 999, 1000]) {
    await sendUdp(size);
    const [row] = await collect(to, 1);
    t.equal(row!.bytes.length, 28 + size);
    t.ok(checksum.udp(row!.bytes), `UDP checksum of ${size} bytes`);
  }
});

t.test('a raw socket receives its protocol and leaves the rest', { skip }, async (t) => {
  const { left, right } = rig(t);
  const from = left(() => native.openRaw(raw));
  const to = right(() => native.openRaw({ ...raw, protocol: 47, local: RIGHT, interface: 'leg' }));
  const gre = [1, 2, 3].map((id) => packet({ size: 20 + id * 400, protocol: 47, id }));
  t.equal(send(from, gre[0]!, packet({ size: 60, protocol: 253 }), gre[1]!, gre[2]!), 4);
  const rows = await collect(to, 3);
  t.same(
    rows.map((row) => row.bytes),
    gre,
  );
  t.match(rows, Array(3).fill({ fault: FAULT.none }));
});

t.test('a raw socket counts what nobody takes', { skip }, async (t) => {
  const { left, right } = rig(t);
  const from = left(() => native.openRaw(raw));
  const to = right(() => native.openRaw({ ...raw, protocol: 47, receiveBuffer: 4096 }));
  const sent = send(from, ...Array<Uint8Array>(BATCH).fill(packet({ size: 1000, protocol: 47 })));
  const rows = await settle(to, sent);
  t.ok(to.drops() > 0);
  t.equal(rows.length + to.drops(), sent);
});

t.test('rows that cannot be sent are put behind the others', { skip }, async (t) => {
  const { left } = rig(t);
  const from = left(() => native.openRaw(raw));
  const table = new Packets();
  const rows = new Uint16Array([
    add(table, packet({ size: 2000, protocol: 253 })), // longer than the MTU
    add(table, packet({ size: 100, protocol: 253 })),
    add(table, packet({ size: 100, protocol: 253, dst: 0x0a000001 })), // no route
    add(table, packet({ size: 100, protocol: 253 })),
    add(table, packet({ size: 100, protocol: 253 })), // start is made to point nowhere
  ]);
  table.start[4] = 0;
  t.equal(from.send(table.bytes, rows, 5), 2);
  t.same([...rows.subarray(0, 2)], [1, 3]);
  t.same([...rows.subarray(2)].sort(), [0, 2, 4]);
});

t.test('a claim keeps the kernel from answering that it does not know the protocol', { skip }, async (t) => {
  const { left, right, pair } = rig(t);
  const from = left(() => native.openRaw(raw));
  const answers = left(() => native.openRaw({ ...raw, protocol: 1 }));
  const gre = packet({ size: 60, protocol: 47 });
  right(() => native.openRing({ ...ring, protocol: 47 }));
  send(from, gre);
  const [answer] = await collect(answers, 1);
  t.same([...answer!.bytes.subarray(20, 22)], [3, 2], 'ICMP protocol unreachable without a claim');

  native.enterNamespace(pair.right);
  const claim = native.openClaim(47);
  send(from, gre, packet({ size: 60, protocol: 254 }));
  const [next] = await collect(answers, 1);
  // The kernel answers 254, which nobody claimed, so it had the chance to answer 47.
  t.equal(next!.bytes[28 + 9], 254);
  claim.close();
});

t.test('an interface that goes down is an error, once', { skip }, async (t) => {
  const { pair, right } = rig(t);
  const to = right(() => native.openRing(ring));
  const table = new Packets();
  t.equal(to.receive(table.bytes, 0, BATCH), 0);
  ip('-n', pair.right, 'link', 'set', 'leg', 'down');
  t.equal(to.receive(table.bytes, 0, BATCH), -100, 'ENETDOWN');
  t.equal(to.receive(table.bytes, 0, BATCH), 0);
  t.throws(() => native.openRing(ring), { code: 'ENETDOWN', message: /ring on leg/ });
  ip('-n', pair.right, 'link', 'del', 'leg');
  t.throws(() => native.openRing(ring), { code: 'ENODEV', message: /ring on leg/ });
  t.throws(() => native.openLink('leg', new Uint8Array(6)), { code: 'ENODEV', message: /leg/ });
  t.throws(() => native.openRaw({ ...raw, interface: 'leg' }), { code: 'ENODEV', message: /leg/ });
  t.throws(() => native.setOffloads('leg', false), { code: 'ENODEV', message: /leg/ });
});

t.test('packets go to a neighbour without a route', { skip }, async (t) => {
  const { left, right } = rig(t);
  const from = left(() => native.openLink('leg', Uint8Array.of(2, 0, 0, 0, 0, 2)));
  const to = right(() => native.openRing({ ...ring, protocol: 253 }));
  const sent = [packet({ size: 60, protocol: 253, dst: 0x0a000001, id: 7 })];
  t.equal(send(from, ...sent), 1);
  t.same(
    (await collect(to, 1)).map((row) => row.bytes),
    sent,
  );
});

t.test('a TUN device passes packets both ways', { skip }, async (t) => {
  const { pair, left } = rig(t);
  const tun = left(() => native.openTun('tun7'));
  ip('-n', pair.left, 'addr', 'add', '10.7.0.1/24', 'dev', 'tun7');
  ip('-n', pair.left, 'link', 'set', 'tun7', 'up');
  const answers = left(() => native.openRaw({ ...raw, protocol: 253 }));
  const out = packet({ size: 1400, protocol: 253, dst: 0x0a070002, id: 1 });
  t.equal(send(answers, out), 1);
  const rows = (await collect(tun, 1)).filter((row) => row.fault !== FAULT['not-ipv4']);
  t.same(
    rows.map((row) => row.bytes),
    [out],
  );
  const back = packet({ size: 1400, protocol: 253, src: 0x0a070002, dst: 0x0a070001, id: 2 });
  t.equal(send(tun, back), 1);
  t.same(
    (await collect(answers, 1)).map((row) => row.bytes),
    [back],
  );
});

t.test('frames pass a pair of unix sockets', async (t) => {
  const [one, other] = native.framePair().map((fd) => native.openFrames(fd, 14)) as [NativeDevice, NativeDevice];
  t.teardown(() => one.close());
  t.teardown(() => other.close());
  const sent = [new Uint8Array(60).fill(1), new Uint8Array(MAX_PACKET + 14).fill(2)];
  const table = new Packets();
  const rows = Uint16Array.from(sent, (bytes) => add(table, bytes, -14));
  t.equal(one.send(table.bytes, rows, 2), 2);
  const received = await collect(other, 2);
  t.same(
    received.map((row) => row.bytes),
    sent,
  );
  t.match(received, Array(2).fill({ fault: FAULT.none }));
  t.throws(() => native.openFrames(0x7fffffff, 14), { code: 'EBADF' });
});

t.test('a flood is received whole by the callback, which may close its device', async (t) => {
  const [from, to] = native.framePair().map((fd) => native.openFrames(fd, 0)) as [NativeDevice, NativeDevice];
  t.teardown(() => from.close());
  t.teardown(() => to.close());
  const table = new Packets();
  const total = 20 * 32;
  const ids: number[] = [];
  const done = new Promise<void>((resolve) => {
    to.onReadable(() => {
      // Few at a time, so that it is called often.
      const rows = to.receive(table.bytes, 0, 8);
      for (let row = 0; row < rows; row++) ids.push(table.view.getUint16(table.start[row]! + 4));
      if (ids.length < total) return;
      to.close();
      resolve();
    });
  });
  for (let burst = 0; burst < 20; burst++) {
    t.equal(send(from, ...Array.from({ length: 32 }, (_, i) => packet({ id: burst * 32 + i }))), 32);
    await new Promise(setImmediate);
  }
  await done;
  t.same(ids, [...Array(total).keys()]);
  t.equal(send(from, packet()), 0, 'nobody is there any more');
});

t.test('what comes after a pause, soon or late, is received', async (t) => {
  const [from, to] = native.framePair().map((fd) => native.openFrames(fd, 0)) as [NativeDevice, NativeDevice];
  t.teardown(() => from.close());
  t.teardown(() => to.close());
  const table = new Packets();
  let received = 0;
  let arrived = () => {};
  to.onReadable(() => {
    received += to.receive(table.bytes, 0, ROWS);
    arrived();
  });
  const until = async (count: number) => {
    while (received < count) {
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
    }
  };
  let sent = 0;
  // Enough for a pause, as many as begin another, too few for that, and alone.
  for (const count of [100, 8, 1, 100, 1, 1, 700, 1]) {
    t.equal(send(from, ...Array.from({ length: count }, (_, i) => packet({ id: i }))), count);
    sent += count;
    await until(sent);
    if (count === 1) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.equal(received, sent);
});

t.test('a closed device throws, and leaves no descriptor open', { skip }, async (t) => {
  const { left, right } = rig(t);
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  for (let i = 0; i < 20; i++) {
    const devices = [
      left(() => native.openRing(ring)),
      left(() => native.openRaw({ ...raw, protocol: 47 })),
      left(() => native.openClaim(47)),
      left(() => native.openTun('tun7')),
      right(() => native.openLink('leg', new Uint8Array(6))),
      ...native.framePair().map((fd) => native.openFrames(fd, 14)),
    ];
    for (const device of devices) {
      device.onReadable(() => {});
      device.close();
      device.close();
    }
    const table = new Packets();
    for (const device of devices) {
      t.throws(() => device.receive(table.bytes, 0, 1), /closed/);
      t.throws(() => device.send(table.bytes, new Uint16Array(1), 1), /closed/);
      t.throws(() => device.drops(), /closed/);
      t.throws(() => device.onReadable(() => {}), /closed/);
    }
    t.throws(() => native.openRing({ ...ring, blockBytes: 4097 }), { code: 'EINVAL' });
  }
  t.equal(open(), before);
});

t.test('arguments out of range are refused', async (t) => {
  const [device, other] = native.framePair().map((fd) => native.openFrames(fd, 14)) as [NativeDevice, NativeDevice];
  t.teardown(() => device.close());
  t.teardown(() => other.close());
  const table = new Packets();
  t.throws(() => device.receive(table.bytes.subarray(8), 0, 1), TypeError);
  t.throws(() => device.receive(table.bytes, ROWS - 24, 25), RangeError);
  t.throws(() => device.receive(table.bytes, ROWS + 1, 0), RangeError);
  t.throws(() => device.send(table.bytes, new Uint16Array([ROWS]), 1), RangeError);
  t.throws(() => device.send(table.bytes, new Uint16Array(1), 2), RangeError);
  t.throws(() => native.openRing({ ...ring, protocol: 256 }), RangeError);
  t.throws(() => native.openTun('a name that is too long for it'), { code: 'EINVAL' });
  t.throws(() => native.openTun('nul\0'), TypeError);
  t.throws(() => native.enterNamespace('../mnt'), { code: 'EINVAL' });
  t.throws(() => native.enterNamespace('potemkin-no-such'), { code: 'ENOENT', message: /potemkin-no-such/ });
});

t.test('a worker thread enters a namespace alone, and ends with its devices open', { skip }, async (t) => {
  const { pair } = rig(t);
  native.enterNamespace(pair.right);
  const addon = new URL('../../../src/native/addon.js', import.meta.url).href;
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     import(${JSON.stringify(addon)}).then(({ native }) => {
       native.enterNamespace(workerData);
       const ring = native.openRing(${JSON.stringify(ring)});
       ring.onReadable(() => {});
       parentPort.postMessage(native.interfaces());
     });`,
    { eval: true, workerData: pair.left },
  );
  const [interfaces] = await once(worker, 'message');
  t.match(
    interfaces.find((one: { name: string }) => one.name === 'leg'),
    { up: true, mac: '02:00:00:00:00:01', addresses: [{ address: LEFT, prefix: 24 }] },
  );
  t.match(
    native.interfaces().find((one) => one.name === 'leg'),
    { mac: '02:00:00:00:00:02', addresses: [{ address: RIGHT, prefix: 24 }] },
  );
  t.equal(await worker.terminate(), 1);
});
