import fc from 'fast-check';
import t from 'tap';
import { native } from '../../../src/native/addon.js';
import { ROWS } from '../../../src/packet/columns.js';
import { Packets } from '../../../src/packet/packets.js';
import { decisionTable } from '../../../src/packet/pattern/decision-table.js';
import { parsePattern } from '../../../src/packet/pattern/pattern.js';
import { assemble } from '../../../src/packet/pattern/program.js';

const PATTERNS = [
  'tcp',
  'udp',
  'icmp',
  'not tcp',
  'ip frag',
  'dst tcp port 445 or 139',
  'src port 22',
  'port != 80',
  'dst port > 1024',
  'dst port <= 65534',
  'tcp opt syn',
  'syn and not ack',
  'src net 10.0.0.0/8',
  'host 10.0.0.1',
  'not dst net 128.0.0.0/1',
  '(tcp ? dst port 80 : src host 255.255.255.255)',
  'true',
  'false',
];

/** Values at which, or beside which, these patterns change their mind. */
const EDGES = [
  ...[0, 1, 6, 17, 22, 80, 139, 445, 1024, 65_534],
  ...[0x0a000000, 0x0a000001, 0x0affffff, 0x7fffffff, 0xfffffffe],
].flatMap((value) => [value, value + 1]);

const packets = new Packets();
const rows = Uint16Array.from({ length: ROWS }, (_, i) => ROWS - 1 - i);

const tableOf = (...patterns: string[]) => {
  const { program, first } = assemble(patterns.map((pattern) => parsePattern(pattern)));
  return decisionTable(program, first);
};

t.test('a table says what the program says', async () => {
  const edge = fc.constantFrom(...EDGES);
  const columns = fc.tuple(
    edge,
    edge,
    edge,
    edge,
    fc.constantFrom(1, 6, 17, 47),
    fc.nat({ max: 31 }),
    fc.nat({ max: 2 }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.constantFrom(...PATTERNS), { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
      fc.array(columns, { minLength: 50, maxLength: 50 }),
      (patterns, list) => {
        for (const [i, [src, dst, sport, dport, proto, tcpFlags, fragment]] of list.entries()) {
          packets.src[rows[i]!] = src;
          packets.dst[rows[i]!] = dst;
          packets.sport[rows[i]!] = sport;
          packets.dport[rows[i]!] = dport;
          packets.proto[rows[i]!] = proto;
          packets.tcpFlags[rows[i]!] = tcpFlags;
          packets.fragment[rows[i]!] = fragment;
        }
        const { program, first } = assemble(patterns.map((terms) => parsePattern(terms.join(' and '))));
        const table = decisionTable(program, first);
        if (!table) throw new Error(`${patterns.join(', ')}: no table`);
        const [byTable, byProgram] = [new Uint16Array(list.length), new Uint16Array(list.length)];
        native.decide(packets.bytes, rows, list.length, table, byTable);
        native.classify(packets.bytes, rows, list.length, program, first, byProgram);
        if (byTable.join() !== byProgram.join())
          throw new Error(`${patterns.join(', ')}: ${byTable}, not ${byProgram}`);
      },
    ),
    { numRuns: 300 },
  );
});

t.test('what a table cannot say, or not shortly, is left to the program', async (t) => {
  t.ok(tableOf());
  t.ok(tableOf('dst tcp port 445 or 139', 'dst tcp port 22 or 23', 'tcp', 'udp', 'icmp'));
  t.notOk(tableOf('ip ttl 1'), 'a byte of a header');
  t.notOk(tableOf('src host & 1 = 0.0.0.1'), 'values that are no range');
  const hosts = Array.from({ length: 40 }, (_, i) => `dst host 10.0.0.${2 * i}`);
  t.ok(tableOf(...hosts.slice(0, 30)));
  t.notOk(tableOf(...hosts), 'many bounds');
  const ends = ['src', 'dst'].map((end) => Array.from({ length: 12 }, (_, i) => `${end} port ${2 * i}`));
  t.ok(tableOf(...ends.flat()));
  t.notOk(tableOf(...ends.flat(), ...hosts.slice(0, 5)), 'many cells');
});
