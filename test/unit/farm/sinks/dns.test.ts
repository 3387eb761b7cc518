import fc from 'fast-check';
import t from 'tap';
import type { LearntNames } from '../../../../src/farm/names.js';
import { type DnsOptions, DnsSink, DnsTalk } from '../../../../src/farm/sinks/dns.js';
import { Zone } from '../../../../src/farm/sinks/zone.js';
import { Heard, PEER } from './heard.js';

const ZONE = new Zone(
  `www.example.com A 192.0.2.1
www.example.com A 192.0.2.2 ttl 60
*.example.com A 192.0.2.3
*.deep.example.com CNAME alias.example.org
alias.example.org CNAME www.example.com
example.com MX 10 mail.example.com
example.com TXT "v=spf1 -all"
six.example.com AAAA 2001:db8::7
loop.test CNAME pool.test
pool.test CNAME loop.test
`,
  'x.zone',
);

const PREFIX = { address: 0xc6120000, length: 15 };

function sink(options: Partial<DnsOptions> = {}) {
  const heard = new Heard();
  const codes: string[] = [];
  const noted: [string, number][] = [];
  let excess = 0;
  const dns = new DnsSink({
    zone: ZONE,
    unknown: undefined,
    real: undefined,
    key: [1, 2],
    rate: 1000,
    learnt: {
      note: (_: number, name: string, address: number) => noted.push([name, address]),
    } as unknown as LearntNames,
    reporter: heard.options.reporter,
    onAnswer: (code) => codes.push(code),
    onExcess: () => excess++,
    ...options,
  });
  const ask = (message: Uint8Array): Buffer | undefined => {
    let answer: Buffer | undefined;
    dns.datagram(PEER, message, (bytes) => {
      answer = Buffer.from(bytes);
    });
    return answer;
  };
  return { dns, ask, codes, noted, heard, excess: () => excess };
}

interface Wanted {
  type?: number;
  flags?: number;
  edns?: number;
  class?: number;
}

/** A question, as a resolver of a clone asks it. */
function question(name: string, { type = 1, flags = 0x0100, edns, class: kind = 1 }: Wanted = {}): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0x1234, 0);
  head.writeUInt16BE(flags, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(edns === undefined ? 0 : 1, 10);
  const labels = name
    .split('.')
    .filter(Boolean)
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  const opt = edns === undefined ? [] : [Buffer.from([0, 0, 41, edns >> 8, edns & 255, 0, 0, 0, 0, 0, 0])];
  return Buffer.concat([head, ...labels, Buffer.from([0, type >> 8, type & 255, 0, kind]), ...opt]);
}

/** What an answer says, read apart from the code under test. */
function read(answer: Buffer | undefined) {
  if (!answer) return undefined;
  const flags = answer.readUInt16BE(2);
  const name = (at: number): [string, number] => {
    const labels: string[] = [];
    for (let from = at, next = 0; ; ) {
      const length = answer[from]!;
      if (length >= 0xc0) {
        next ||= from + 2;
        from = answer.readUInt16BE(from) & 0x3fff;
      } else if (length === 0) return [labels.join('.'), next || from + 1];
      else {
        labels.push(answer.toString('latin1', from + 1, from + 1 + length));
        from += 1 + length;
      }
    }
  };
  const [asked, end] = answer.readUInt16BE(4) > 0 ? name(12) : ['', 8];
  const records: string[] = [];
  let at = end + 4;
  for (let i = 0; i < answer.readUInt16BE(6); i++) {
    const [owner, next] = name(at);
    const [type, ttl, length] = [
      answer.readUInt16BE(next),
      answer.readUInt32BE(next + 4),
      answer.readUInt16BE(next + 8),
    ];
    const data = answer.subarray(next + 10, next + 10 + length);
    records.push(
      `${owner} ${type} ${ttl} ${type === 1 ? [...data].join('.') : type === 5 ? name(next + 10)[0] : data.toString('latin1')}`,
    );
    at = next + 10 + length;
  }
  const opt = answer.readUInt16BE(10);
  return {
    id: answer.readUInt16BE(0),
    rcode: flags & 15,
    cut: (flags & 0x200) !== 0,
    aa: (flags & 0x400) !== 0,
    asked,
    records,
    opt,
    rest: answer.length - at,
  };
}

t.test('the zone answers: names before patterns, the longest pattern first', async (t) => {
  const { ask, noted, heard } = sink();
  t.match(read(ask(question('WwW.Example.com'))), {
    id: 0x1234,
    rcode: 0,
    cut: false,
    aa: true,
    asked: 'WwW.Example.com',
    records: ['WwW.Example.com 1 300 192.0.2.1', 'WwW.Example.com 1 60 192.0.2.2'],
    opt: 0,
    rest: 0,
  });
  t.same(noted, [
    ['www.example.com', 0xc0000201],
    ['www.example.com', 0xc0000202],
  ]);
  t.same(heard.told, ['A www.example.com: 192.0.2.1, 192.0.2.2']);
  t.match(read(ask(question('a.b.example.com'))), { records: ['a.b.example.com 1 300 192.0.2.3'] });
  t.match(read(ask(question('x.deep.example.com'))), {
    records: [
      'x.deep.example.com 5 300 alias.example.org',
      'alias.example.org 5 300 www.example.com',
      'www.example.com 1 300 192.0.2.1',
      'www.example.com 1 60 192.0.2.2',
    ],
  });
  t.equal(
    read(ask(question('example.com', { type: 15 })))!.records[0],
    'example.com 15 300 \0\n\x04mail\x07example\x03com\0',
  );
  t.match(read(ask(question('example.com', { type: 16 })))!.records, [/v=spf1 -all$/]);
  t.equal(read(ask(question('example.com', { type: 255 })))!.records.length, 2);
  t.ok(read(ask(question('six.example.com', { type: 28 })))!.records[0]!.endsWith('\0\x07'));
  t.match(
    read(ask(question('www.example.com', { type: 28 }))),
    { rcode: 0, records: [] },
    'there is none of that type',
  );
  t.match(read(ask(question('nobody.test'))), { rcode: 3, records: [], aa: true });
  t.ok(read(ask(question('loop.test', { edns: 4096 })))!.records.length <= 9, 'names that go round in a circle end');
});

t.test('unknown names have addresses of the prefix, always the same', async (t) => {
  const { ask } = sink({ unknown: PREFIX, rate: 1e9 });
  const addressOf = (name: string) => read(ask(question(name)))!.records[0]!.split(' ')[3]!;
  t.equal(addressOf('a.test'), addressOf('A.TEST'));
  const all = Array.from({ length: 2000 }, (_, i) => addressOf(`n${i}.test`));
  t.ok(all.every((address) => /^198\.1[89]\.\d+\.([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-4])$/.test(address)));
  t.ok(new Set(all).size > 1900, 'different names have different ones');
  t.not(
    read(sink({ unknown: PREFIX, key: [3, 4] }).ask(question('a.test')))!.records[0],
    `a.test 1 300 ${addressOf('a.test')}`,
  );
  t.match(read(ask(question('a.test', { type: 15 }))), { rcode: 0, records: [/mx/] });
  t.match(read(ask(question('a.test', { type: 28 }))), { rcode: 0, records: [] });
  t.match(read(sink({ unknown: { address: 0xc0000207, length: 32 } }).ask(question('a.test')))!.records, [
    /192\.0\.2\.7$/,
  ]);
});

t.test('EDNS, truncation and amplification', async (t) => {
  const { ask } = sink();
  t.match(read(ask(question('www.example.com', { edns: 1232 }))), { opt: 1, rest: 11, records: { length: 2 } });
  t.match(read(ask(question('www.example.com', { edns: 5 }))), { opt: 1, records: { length: 2 } });
  const zone = new Zone(Array.from({ length: 100 }, (_, i) => `a.test A 10.0.0.${i}`).join('\n'), 'y.zone');
  const many = sink({ zone });
  const small = question('a.test');
  t.match(read(many.ask(small)), { cut: true });
  t.ok(many.ask(small)!.length <= 8 * small.length);
  const heard = new Heard();
  heard.open(new DnsTalk(PEER, heard, many.dns));
  const message = Buffer.concat([Buffer.from([0, small.length]), small]);
  const answers = Buffer.from(heard.send(Buffer.concat([message, message]), 3), 'latin1');
  const length = answers.readUInt16BE(0);
  t.match(read(answers.subarray(2, 2 + length)), { cut: false, records: { length: 100 } }, 'over TCP there is room');
  t.equal(answers.length, 2 * (2 + length));
  heard.send(Buffer.from([0xff, 0xff, 0]));
  t.ok(heard.closed, 'no question is so long');
});

t.test('what is no question', async (t) => {
  const { ask, codes } = sink();
  const code = (message: Buffer) => read(ask(message))?.rcode;
  t.equal(code(Buffer.alloc(11)), undefined, 'too short');
  t.equal(code(question('a.test', { flags: 0x8100 })), undefined, 'an answer: else two servers would talk for ever');
  t.equal(code(question('a.test', { flags: 0x2800 })), 4, 'an update');
  t.equal(code(question('a.test', { class: 3 })), 4, 'another class');
  t.equal(code(question('a.test').subarray(0, -1)), 1, 'cut off');
  const two = question('a.test');
  two.writeUInt16BE(2, 4);
  t.equal(code(two), 1, 'two questions');
  const pointer = Buffer.concat([question('a').subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
  t.equal(code(pointer), 1, 'a name that points to itself');
  const additional = question('a.test');
  additional.writeUInt16BE(1, 10);
  t.equal(code(additional), 1, 'a record that is not there');
  t.same(codes, ['notimp', 'notimp', 'formerr', 'formerr', 'formerr', 'formerr']);
  t.equal(code(question('')), 3, 'the root has no address');
});

t.test('a clone that asks too much in a second is not answered', async (t) => {
  const { ask, excess } = sink({ rate: 3 });
  t.same(
    [1, 2, 3, 4, 5].map(() => ask(question('a.test')) !== undefined),
    [true, true, true, false, false],
  );
  t.equal(excess(), 2);
});

t.test('any bytes: never an exception, and no answer is longer than eight questions', async () => {
  const { ask } = sink({ unknown: PREFIX, rate: 1e9 });
  const near = fc
    .tuple(
      fc.constantFrom('www.example.com', 'x.test', 'example.com'),
      fc.constantFrom(1, 15, 16, 28, 255),
      fc.nat(60),
      fc.nat(255),
    )
    .map(([name, type, at, value]) => {
      const bytes = question(name, { type, edns: 1232 });
      bytes[at % bytes.length] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(near, fc.uint8Array({ maxLength: 600 })), (bytes) => {
      const answer = ask(bytes);
      if (answer && answer.length > 8 * bytes.length) throw new Error('it amplifies');
      if (answer && answer.length > 1232) throw new Error('it is too long');
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 40 }), (bytes, piece) => {
      const one = new Heard();
      one.open(new DnsTalk(PEER, one, sink({ unknown: PREFIX }).dns)).send(bytes, piece);
    }),
    { numRuns: 100 },
  );
});

t.test('what is wrong in a zone is said with its place', async (t) => {
  const wrong = (text: string, ...problems: string[]) =>
    t.throws(() => new Zone(text, 'z.zone'), { message: problems.map((problem) => `z.zone:${problem}`).join('\n') });
  wrong('a..b A 192.0.2.1', "1:1: expected a name such as www.example.com, not 'a..b'");
  wrong(
    'a.b B 1\nc.d A 1.2.3',
    "1:5: unknown type 'B'; valid are A, AAAA, CNAME, MX, NS, PTR, TXT",
    "2:7: expected an IPv4 address, not '1.2.3'",
  );
  wrong('a.b AAAA 1::2::3', "1:10: expected an IPv6 address, not '1::2::3'");
  wrong('a.b A 192.0.2.1 60', '1:17: expected nothing, or ttl SECONDS, after the value');
  wrong('a.b CNAME *.c', "1:11: expected a name, not '*.c'");
  wrong('a.b CNAME c.d\na.b A 192.0.2.1', "2:1: 'a.b' is a CNAME already");
  wrong('a.b A 192.0.2.1\na.b CNAME c.d', "2:1: 'a.b' has other records than its CNAME");
  t.ok(new Zone('# nothing\n\n', 'z.zone'));
});
