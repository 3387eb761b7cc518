import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { describeReplay } from '../../../../src/cli/replayed.js';
import { Replayer } from '../../../../src/farm/policy/replay.js';
import { parsePrefix } from '../../../../src/packet/address.js';
import { craft, type Wanted } from '../../craft.js';
import { openPolicyOf } from './asker.js';

const CLONE = 0x0a630102;
const PEER = 0xcb007109;

/** A capture of raw IPv4 packets, one a second. */
function capture(t: Test, packets: readonly Wanted[], cut = 0): string {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.set([2, 0, 4, 0], 4);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(101, 20);
  const records = packets.map((wanted, i) => {
    const bytes = craft(wanted);
    const record = Buffer.alloc(16);
    for (const [place, word] of [1_000_000 + i, 0, bytes.length, bytes.length].entries())
      record.writeUInt32LE(word, place * 4);
    return Buffer.concat([record, bytes]);
  });
  const all = Buffer.concat([header, ...records]);
  const file = join(t.testdir(), 'a.pcap');
  writeFileSync(file, all.subarray(0, all.length - cut));
  return file;
}

const inside = [parsePrefix('10.99.0.0/16')!];
const policy = openPolicyOf('reply -> forward\nbegun -> limit flows 2/minute per clone then reflect\n');

const story: readonly Wanted[] = [
  { src: PEER, dst: CLONE, proto: 6, sport: 5000, dport: 80, tcpFlags: 2 },
  { src: CLONE, dst: PEER, proto: 6, sport: 80, dport: 5000, tcpFlags: 18 },
  ...[1, 2, 3].map((sport) => ({ src: CLONE, dst: PEER + 1, proto: 6, sport, dport: 445, tcpFlags: 2 })),
  { src: CLONE, dst: PEER + 1, proto: 6, sport: 1, dport: 445, tcpFlags: 16, payload: Buffer.alloc(60) },
  { src: CLONE, dst: PEER + 1, proto: 6, sport: 9, dport: 445, tcpFlags: 16 },
  { src: PEER, dst: PEER + 1 },
];

t.test('a capture is held against a policy', async (t) => {
  const replayer = new Replayer(policy, inside);
  replayer.play(capture(t, story));
  const rules = [...replayer.rules].map(([{ place }, tallies]) => [place, Object.fromEntries(tallies)]);
  t.same(rules, [
    ['x.policy:1', { forward: { flows: 1, packets: 1, bytes: 40 } }],
    ['x.policy:2', { forward: { flows: 2, packets: 3, bytes: 180 }, reflect: { flows: 1, packets: 1, bytes: 40 } }],
  ]);
  t.same(replayer.total, {
    left: { flows: 3, packets: 4, bytes: 220 },
    refused: 0,
    quota: 1,
    strays: 1,
    inbound: 1,
    foreign: 1,
    faulty: 0,
  });
  t.same(
    [...replayer.left.keys()],
    ['tcp 10.99.1.2:80 > 203.0.113.9:5000', 'tcp 10.99.1.2:1 > 203.0.113.10:445', 'tcp 10.99.1.2:2 > 203.0.113.10:445'],
  );
  t.match(
    describeReplay(policy, replayer),
    /4 packets, 220 bytes would have left, of 3 flows; 1 flows and packets were over/,
  );
});

t.test('quotas count in the time of the capture', async (t) => {
  const replayer = new Replayer(policy, inside);
  replayer.play(
    capture(
      t,
      Array.from({ length: 120 }, (_, i) => ({ src: CLONE, dst: PEER, proto: 17, sport: i, dport: 53 })),
    ),
  );
  t.equal(replayer.total.left.flows, 4, 'two a minute, for two minutes');
});

t.test('a capture that cannot be read', async (t) => {
  t.throws(() => new Replayer(policy, inside).play(capture(t, story, 5)), {
    message: /a\.pcap: at offset \d+: it ends inside/,
  });
  t.throws(() => new Replayer(policy, inside).play('none.pcap'), { code: 'ENOENT' });
});
