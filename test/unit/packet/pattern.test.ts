import fc from 'fast-check';
import t from 'tap';
import { Packets } from '../../../src/packet/packets.js';
import { compile, PatternError, parsePattern } from '../../../src/packet/pattern/pattern.js';
import { columnsOf, craft, wantedPacket } from '../craft.js';

const packets = new Packets();

function load(bytes: Uint8Array): number {
  if (packets.free === 0) packets.reset();
  const row = packets.take();
  packets.bytes.set(bytes, packets.start[row]!);
  packets.length[row] = bytes.length;
  for (const [name, value] of Object.entries(columnsOf(bytes))) {
    (packets as unknown as Record<string, Uint32Array>)[name]![row] = value!;
  }
  return row;
}

/** What the naive evaluator knows of a packet: read from its bytes, nothing from columns. */
class Naive {
  readonly bytes: Buffer;
  readonly src: number;
  readonly dst: number;
  readonly proto: number;
  readonly later: boolean;
  readonly frag: boolean;
  readonly transport: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.src = bytes.readUInt32BE(12);
    this.dst = bytes.readUInt32BE(16);
    this.proto = bytes[9]!;
    this.later = (bytes.readUInt16BE(6) & 0x1fff) !== 0;
    this.frag = (bytes.readUInt16BE(6) & 0x3fff) !== 0;
    this.transport = bytes.subarray((bytes[0]! & 15) * 4);
  }

  get tcp(): boolean {
    return this.proto === 6 && !this.later;
  }

  get ports(): [number, number] | undefined {
    if (this.later || (this.proto !== 6 && this.proto !== 17)) return undefined;
    return [this.transport.readUInt16BE(0), this.transport.readUInt16BE(2)];
  }

  sport(ok: (port: number) => boolean): boolean {
    return this.ports !== undefined && ok(this.ports[0]);
  }

  dport(ok: (port: number) => boolean): boolean {
    return this.ports !== undefined && ok(this.ports[1]);
  }

  port(ok: (port: number) => boolean): boolean {
    return this.sport(ok) || this.dport(ok);
  }

  flags(mask: number): boolean {
    return this.tcp && (this.transport[13]! & mask) === mask;
  }

  icmp(ok: (type: number) => boolean): boolean {
    return this.proto === 1 && !this.later && ok(this.transport[0]!);
  }
}

const A = 0xc6336401;
const B = 0x0a630001;
const C = 0x0a000001;
const inNet = (address: number) => address >>> 24 === 10;
const isTcpUdp = (p: Naive) => p.proto === 6 || p.proto === 17;

type Meaning = [pattern: string, naive: (p: Naive) => boolean];

/** Patterns, and the same said by hand. */
const TABLE: Meaning[] = [
  ['-', () => true],
  ['all', () => true],
  ['any', () => true],
  ['none', () => false],
  ['true', () => true],
  ['ip', () => true],
  ['false or true and false', () => false],
  ['tcp', (p) => p.proto === 6],
  ['ip proto tcp', (p) => p.proto === 6],
  ['ip proto 47', (p) => p.proto === 47],
  ['ip proto != udp', (p) => p.proto !== 17],
  ['proto > 6', (p) => p.proto > 6],
  ['proto & 1 = 0', (p) => (p.proto & 1) === 0],
  ['ip proto tcp or udp or 1', (p) => [1, 6, 17].includes(p.proto)],
  ['tcpudp', isTcpUdp],
  ['not tcp', (p) => p.proto !== 6],
  ['! udp && ! icmp', (p) => p.proto !== 17 && p.proto !== 1],
  ['host 198.51.100.1', (p) => p.src === A || p.dst === A],
  ['10.99.0.1', (p) => p.src === B || p.dst === B],
  ['src 198.51.100.1', (p) => p.src === A],
  ['dst host 10.99.0.1', (p) => p.dst === B],
  ['dest host 10.99.0.1', (p) => p.dst === B],
  ['src or dst host 10.0.0.1', (p) => p.src === C || p.dst === C],
  ['src and dst host 10.0.0.1', (p) => p.src === C && p.dst === C],
  ['src && dst net 10.0.0.0/8', (p) => inNet(p.src) && inNet(p.dst)],
  ['src host != 10.0.0.1', (p) => p.src !== C],
  ['host != 10.0.0.1', (p) => p.src !== C && p.dst !== C],
  ['src 10.0.0.1 or 198.51.100.1', (p) => p.src === C || p.src === A],
  ['dst net 10.0.0.0/8', (p) => inNet(p.dst)],
  ['10.0.0.0/8', (p) => inNet(p.src) || inNet(p.dst)],
  ['net 10.1.2.3 mask 255.0.0.0', (p) => inNet(p.src) || inNet(p.dst)],
  ['dst 10.1.2.3/255.0.0.0', (p) => inNet(p.dst)],
  ['dst net 0.0.0.0/0', () => true],
  ['net != 10.0.0.0/8', (p) => !inNet(p.src) && !inNet(p.dst)],
  ['dst net 224.0.0.0/4', (p) => p.dst >>> 28 === 14],
  ['port 80', (p) => p.port((port) => port === 80)],
  ['port http', (p) => p.port((port) => port === 80)],
  ['www', (p) => p.port((port) => port === 80)],
  ['tcp port ssh', (p) => p.proto === 6 && p.port((port) => port === 22)],
  ['dst udp port 53', (p) => p.proto === 17 && p.dport((port) => port === 53)],
  ['udp dst port dns', (p) => p.proto === 17 && p.dport((port) => port === 53)],
  ['src port 80 or 443', (p) => p.sport((port) => port === 80 || port === 443)],
  ['dst tcp port 22 or 80 or 8080', (p) => p.proto === 6 && p.dport((port) => [22, 80, 8080].includes(port))],
  ['src and dst port 22', (p) => p.sport((port) => port === 22) && p.dport((port) => port === 22)],
  ['port >= 1024', (p) => p.port((port) => port >= 1024)],
  ['port < 1024', (p) => p.port((port) => port < 1024)],
  ['src port <= 22', (p) => p.sport((port) => port <= 22)],
  ['src port > 1023', (p) => p.sport((port) => port > 1023)],
  ['dst port < 0', () => false],
  ['dst port >= 0', (p) => p.ports !== undefined],
  ['dst port > 70000', () => false],
  ['dst port != 80', (p) => p.dport((port) => port !== 80)],
  ['port != 80', (p) => p.ports !== undefined && !p.port((port) => port === 80)],
  ['not port 80', (p) => !p.port((port) => port === 80)],
  ['not dst port 80', (p) => !p.dport((port) => port === 80)],
  ['src tcp port & 10 == 8', (p) => p.proto === 6 && p.sport((port) => (port & 10) === 8)],
  ['dst port > 1023 and < 9000', (p) => p.dport((port) => port > 1023 && port < 9000)],
  ['ip vers 4', () => true],
  ['ip vers = 6', () => false],
  ['ip hl > 5', (p) => (p.bytes[0]! & 15) > 5],
  ['ip tos 16', (p) => p.bytes[1] === 16],
  ['ip dscp 46', (p) => p.bytes[1]! >> 2 === 46],
  ['ip ect', (p) => (p.bytes[1]! & 3) !== 0],
  ['ip ce', (p) => (p.bytes[1]! & 3) === 3],
  ['ip len < 40', (p) => p.bytes.length < 40],
  ['ip id 0x1234', (p) => p.bytes.readUInt16BE(4) === 0x1234],
  ['ip ttl <= 64', (p) => p.bytes[8]! <= 64],
  ['ip ttl 1 or 255', (p) => p.bytes[8] === 1 || p.bytes[8] === 255],
  ['frag', (p) => p.frag],
  ['ip unfrag', (p) => !p.frag],
  ['tcp opt syn', (p) => p.flags(2)],
  ['syn', (p) => p.flags(2)],
  ['fin ack', (p) => p.flags(1) && p.flags(16)],
  ['tcp opt 18', (p) => p.flags(18)],
  ['syn and not ack', (p) => p.flags(2) && !p.flags(16)],
  ['tcp win 0', (p) => p.tcp && p.transport.readUInt16BE(14) === 0],
  ['tcp win >= 0x2000', (p) => p.tcp && p.transport.readUInt16BE(14) >= 0x2000],
  ['icmp type echo', (p) => p.icmp((type) => type === 8)],
  ['icmp type 3 or timeexceeded', (p) => p.icmp((type) => type === 3 || type === 11)],
  ['icmp echo', (p) => p.icmp((type) => type === 8)],
  ['icmp type != 8', (p) => p.icmp((type) => type !== 8)],
  ['unreachable', (p) => p.icmp((type) => type === 3)],
  ['ip[9] = 6', (p) => p.proto === 6],
  ['ip[12:4] 0x0a000001', (p) => p.src === C],
  ['ip[12:4] > 0x80000000', (p) => p.src > 0x80000000],
  ['ip[12,15] >= 0xc6336401', (p) => p.src >= A],
  ['ip[6:2] & 0x1fff != 0', (p) => p.later],
  ['transport[13] & 2 != 0', (p) => !p.later && p.transport.length > 13 && (p.transport[13]! & 2) !== 0],
  ['transp[0:2] = 80', (p) => !p.later && p.transport.length >= 2 && p.transport.readUInt16BE(0) === 80],
  ['tcp[13] & 0x12 = 0x12', (p) => p.flags(0x12)],
  ['ip[200] != 5', (p) => p.bytes.length > 200 && p.bytes[200] !== 5],
  ['ip[70] < 5', (p) => p.bytes.length > 70 && p.bytes[70]! < 5],
  ['not ip[70] 5', (p) => !(p.bytes.length > 70 && p.bytes[70] === 5)],
  ['tcp ? dst port 80 : icmp', (p) => (p.proto === 6 ? p.dport((port) => port === 80) : p.proto === 1)],
  [
    'tcp ? syn : udp ? port 53 : true',
    (p) => (p.proto === 6 ? p.flags(2) : p.proto !== 17 || p.port((port) => port === 53)),
  ],
  ['(tcp or udp) and not (port 80 || port 443)', (p) => isTcpUdp(p) && !p.port((port) => port === 80 || port === 443)],
  [
    'tcp port 80 or icmp and src 10.0.0.1',
    (p) => (p.proto === 6 && p.port((x) => x === 80)) || (p.proto === 1 && p.src === C),
  ],
  ['dst tcp port 80 and src 10.0.0.1', (p) => p.proto === 6 && p.dport((port) => port === 80) && p.src === C],
  ['ip proto tcp src port 80', (p) => p.proto === 6 && p.sport((port) => port === 80)],
];

t.test('every kind of pattern says what a naive reading of the bytes says', async () => {
  const table = TABLE.map(([text, expected]) => ({ text, expected, one: compile([parsePattern(text)]) }));
  fc.assert(
    fc.property(fc.array(wantedPacket, { minLength: 10, maxLength: 20 }), (list) => {
      for (const wanted of list) {
        const bytes = craft(wanted);
        const naive = new Naive(bytes);
        const row = load(bytes);
        for (const { text, expected, one } of table) {
          if ((one.classify(packets, row) === 0) !== expected(naive)) {
            throw new Error(`'${text}' is ${!expected(naive)} for ${bytes.toString('hex')}`);
          }
        }
      }
    }),
    { numRuns: 200 },
  );
});

t.test('what a primitive leaves out is taken over from the one before it', async (t) => {
  const same: [short: string, long: string][] = [
    ['src port 80 or 443', 'src port 80 or src port 443'],
    ['dst tcp port 80 and (22 or 443)', 'dst tcp port 80 and (dst tcp port 22 or dst tcp port 443)'],
    ['src 10.0.0.1 or 10.99.0.1', 'src host 10.0.0.1 or src host 10.99.0.1'],
    ['src port 80 and dst port 22 or 443', 'src port 80 and dst port 22 or dst port 443'],
    ['udp dst port 53 or www', 'udp dst port 53 or udp dst port 80'],
    ['icmp type 3 or www', 'icmp type 3 or port 80'],
    ['ip ttl 1 or 2', 'ip ttl 1 or ip ttl 2'],
    ['ip proto 6 or 17', 'tcp or udp'],
    ['tcp[13] 2 or 18', 'tcp[13] 2 or tcp[13] 18'],
  ];
  for (const [short, long] of same) t.strictSame(parsePattern(short).tree, parsePattern(long).tree, short);
});

/** A pattern built from others by connectives, and its meaning. */
const combined = fc.letrec<{ node: Meaning }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    // A bare address or service name takes over what the primitive before it says.
    fc.constantFrom(...TABLE.slice(4).filter(([text]) => !/^(10\.|www)/.test(text))),
    tie('node').map(([text, is]) => [`not (${text})`, (p: Naive) => !is(p)] as Meaning),
    fc
      .tuple(fc.constantFrom('and', '&&', ''), tie('node'), tie('node'))
      .map(([op, [a, isA], [b, isB]]) => [`(${a}) ${op} (${b})`, (p: Naive) => isA(p) && isB(p)] as Meaning),
    fc
      .tuple(fc.constantFrom('or', '||'), tie('node'), tie('node'))
      .map(([op, [a, isA], [b, isB]]) => [`(${a}) ${op} (${b})`, (p: Naive) => isA(p) || isB(p)] as Meaning),
    fc
      .tuple(tie('node'), tie('node'), tie('node'))
      .map(
        ([[a, isA], [b, isB], [c, isC]]) =>
          [`(${a}) ? (${b}) : (${c})`, (p: Naive) => (isA(p) ? isB(p) : isC(p))] as Meaning,
      ),
  ),
})).node;

t.test('lists of combined patterns find the first that matches', async () => {
  fc.assert(
    fc.property(
      fc.array(combined, { minLength: 1, maxLength: 6 }),
      fc.array(wantedPacket, { minLength: 1, maxLength: 30 }),
      (patterns, list) => {
        const classifier = compile(patterns.map(([text]) => parsePattern(text)));
        const bytes = list.map(craft);
        packets.reset();
        const rows = Uint16Array.from(bytes, load);
        const out = new Uint8Array(rows.length);
        classifier.classifyBatch(packets, rows, rows.length, out);
        for (const [i, packet] of bytes.entries()) {
          const naive = new Naive(packet);
          const found = patterns.findIndex(([, is]) => is(naive));
          const expected = found < 0 ? patterns.length : found;
          if (out[i] !== expected || classifier.classify(packets, rows[i]!) !== expected) {
            throw new Error(`${patterns.map(([text]) => text).join(', ')}: ${out[i]}, not ${expected}`);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

t.test('no packet makes it read beyond the packet, or fail', async () => {
  const classifier = compile(TABLE.map(([text]) => parsePattern(text)).slice(7));
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat({ max: 255 }),
      fc.nat({ max: 60 }),
      (bytes, proto, ipHeader) => {
        packets.reset();
        const row = packets.take();
        packets.bytes.set(bytes, packets.start[row]!);
        packets.length[row] = bytes.length;
        packets.proto[row] = proto;
        packets.ipHeader[row] = ipHeader;
        const before = classifier.classify(packets, row);
        packets.bytes.fill(0xff, packets.start[row]! + bytes.length, packets.slot(row + 1));
        return classifier.classify(packets, row) === before;
      },
    ),
  );
});

t.test('what is wrong is said, and where', async (t) => {
  const cases: [pattern: string, offset: number, message: RegExp][] = [
    ['', 0, /empty/],
    ['  ', 0, /empty/],
    ['tcp and', 7, /ends too early/],
    ['tcp or', 6, /ends too early/],
    ['tcp nonsense', 4, /unknown word 'nonsense'/],
    ['port', 0, /a port number is missing/],
    ['tcp and port', 8, /a port number is missing/],
    ['tcp and (udp', 12, /'\)' is missing/],
    ['tcp )', 4, /'\)' is unexpected/],
    ['tcp ? udp', 9, /':' is missing/],
    ['not', 3, /ends too early/],
    ['80', 0, /'80' is a number of what/],
    ['tcp udp', 4, /two protocols at once/],
    ['icmp port 80', 0, /this protocol has no ports/],
    ['udp opt syn', 0, /only TCP/],
    ['src tcp', 0, /'src' and 'dst' say nothing here/],
    ['src ttl 5', 0, /'src' and 'dst' say nothing here/],
    ['src dst port 80', 4, /given twice/],
    ['dst port 70000', 0, /port is a number from 0 to 65535/],
    ['ip ttl 256', 0, /ip ttl is a number from 0 to 255/],
    ['ip ttl', 0, /ip ttl is compared with nothing/],
    ['ip ttl & 0x100 = 0', 0, /the mask has more/],
    ['ip ttl & 0 = 0', 7, /mask of 0/],
    ['port >', 6, /nothing to compare with after '>'/],
    ['echo', 0, /can be a port or an ICMP type/],
    ['host 10.0.0', 5, /unknown word|an address is missing/],
    ['host 10.0.0.0/8', 0, /an address is missing/],
    ['net 10.0.0.1', 0, /a prefix such as/],
    ['10.0.0.0/33', 0, /neither a prefix length nor a mask/],
    ['host > 10.0.0.1', 0, /= and != only/],
    ['frag 5', 0, /'frag' stands alone/],
    ['ip[x] 5', 3, /a byte position is expected/],
    ['ip[1:5] 5', 5, /1 to 4 bytes/],
    ['ip[1 5', 5, /']' is missing/],
    ['tcp opt > 5', 0, /neither comparison nor mask/],
    ['port host 1.2.3.4', 5, /the directive is complete/],
    ['('.repeat(200), 101, /nested too deeply/],
  ];
  for (const [text, offset, message] of cases) {
    try {
      parsePattern(text);
      t.fail(`'${text}' was read`);
    } catch (error) {
      t.ok(error instanceof PatternError, text);
      t.match((error as Error).message, message, text);
      if (text !== 'host 10.0.0')
        t.equal((error as PatternError).offset, offset, `${text}: ${(error as Error).message}`);
    }
  }
});

t.test('tests that earlier ones have settled are left out', async (t) => {
  const tcp = ['tcp dst port 80', 'tcp dst port 22', 'tcp dst port 443', 'udp', '-'].map(parsePattern);
  const steps = compile(tcp).describe().trim().split('\n');
  t.equal(steps.filter((line) => line.includes('fragment')).length, 1);
  t.ok(steps.length <= 9, steps.join('\n'));
  t.equal(compile([parsePattern('-')]).describe(), 'start [0]\n');
  t.equal(compile([]).classify(packets, load(craft())), 0);
});

t.test('patterns that would grow without bound, or are very many, are compiled all the same', async (t) => {
  const bits = Array.from(
    { length: 24 },
    (_, i) => `(src host & ${2 ** i} = 255.255.255.255 ? ip ttl ${i} : ip tos ${i})`,
  );
  const classifier = compile([parsePattern(`(${bits.join(' or ')}) and not (${bits.toReversed().join(' or ')})`)]);
  const both = compile([parsePattern(`(${bits.join(' or ')}) and (${bits.toReversed().join(' or ')})`)]);
  const plain = compile(bits.map(parsePattern));
  for (const wanted of fc.sample(wantedPacket, { numRuns: 200, seed: 1 })) {
    const row = load(craft(wanted));
    t.equal(classifier.classify(packets, row), 1);
    t.equal(both.classify(packets, row) === 0, plain.classify(packets, row) < bits.length);
  }
  const many = Array.from({ length: 20_000 }, (_, i) =>
    parsePattern(`dst host 10.${i >> 14}.${(i >> 6) & 255}.${i & 63}`),
  );
  t.equal(compile(many).classify(packets, load(craft({ dst: 0x0a000003 }))), 3);
  t.equal(compile(many).classify(packets, load(craft({ dst: 1 }))), 20_000);
});
