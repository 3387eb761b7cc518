import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { pcapng } from '../../../src/farm/pcapng.js';
import { formatAddress } from '../../../src/packet/address.js';
import { Batch } from '../../../src/packet/batch.js';
import { CaptureReader } from '../../../src/packet/capture.js';
import { Packets } from '../../../src/packet/packets.js';
import { icmp, tcp, udp } from '../native/build.js';
import { wireOf } from './recorded.js';

const START = 1_700_000_000;
const wires = [
  wireOf(7, '10.99.7.7', [
    { at: START + 0.25, direction: 'in', packet: tcp({ sport: 1, dport: 80 }) },
    { at: START + 0.5, direction: 'out', packet: tcp({ sport: 80, dport: 1 }), comment: 'reflected: a.policy:3' },
    { at: START + 2.125, direction: 'out', packet: udp() },
  ]),
  wireOf(8, '10.99.8.8', [
    { at: START, direction: 'in', packet: icmp() },
    { at: START + 2, direction: 'out', packet: icmp({ type: 0 }) },
  ]),
  wireOf(9, '10.99.9.9', [{ at: START, direction: 'in', packet: icmp() }], 16),
];
const file = Buffer.concat([...pcapng(wires, 'universe 3')]);

t.test('our own reader reads it back', async (t) => {
  const packets = new Packets();
  const batch = new Batch();
  const reader = new CaptureReader();
  t.equal(reader.read(file, packets, batch), file.length);
  t.same([reader.damage, batch.count], [undefined, 5]);
  const rows = [...batch.rows.subarray(0, batch.count)];
  t.same(
    rows.map((row) => packets.sec[row]! - START + packets.nsec[row]! / 1e9),
    [0, 0.25, 0.5, 2, 2.125],
    'in the order of time',
  );
  t.same(
    rows.map((row) => packets.fault[row]),
    [0, 0, 0, 0, 0],
  );
  t.same(
    rows.map((row) => Buffer.from(packets.packet(row))),
    [icmp(), tcp({ sport: 1, dport: 80 }), tcp({ sport: 80, dport: 1 }), icmp({ type: 0 }), udp()],
  );
});

const tshark = spawnSync('tshark', ['--version']).status === 0;
t.test('tshark reads it back', { skip: tshark ? false : 'tshark is not installed' }, async (t) => {
  const path = join(t.testdir({}), 'a.pcapng');
  writeFileSync(path, file);
  const FIELDS = [
    'frame.time_epoch',
    'frame.interface_name',
    'frame.interface_description',
    'frame.packet_flags_direction',
    'frame.len',
    'frame.protocols',
    'frame.comment',
  ];
  const args = ['-r', path, '-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field])];
  const lines = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  const of = (clone: number) => [formatAddress(0x0a630000 + clone * 257), `image linux, universe 3, clone ${clone}`];
  t.match(
    lines.map(([time, name, description, direction, length]) => [time, name, description, Number(direction), length]),
    [
      [`${START}.000000000`, ...of(8), 1, '46'],
      [`${START}.250000000`, ...of(7), 1, '54'],
      [`${START}.500000000`, ...of(7), 2, '54'],
      [`${START + 2}.000000000`, ...of(8), 2, '46'],
      [`${START + 2}.125000000`, ...of(7), 2, '47'],
    ],
  );
  t.match(
    lines.map((fields) => fields[5]),
    [/^eth:ethertype:ip:icmp/, /^eth:ethertype:ip:tcp/, /^eth:ethertype:ip:tcp/, /icmp/, /^eth:ethertype:ip:udp/],
  );
  t.same(
    lines.map((fields) => fields[6] ?? ''),
    ['', '', 'reflected: a.policy:3', '', ''],
  );
});

t.test('a long recording comes in pieces', async (t) => {
  const many = Array.from({ length: 2000 }, (_, i) => ({ at: START + i, direction: 'in' as const, packet: tcp() }));
  const pieces = [...pcapng([wireOf(1, '10.99.0.1', many)], '')];
  t.ok(pieces.length > 2 && Math.max(...pieces.map(({ length }) => length)) < 70_000);
});
