import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { IPPrint } from '../../../src/elements/IPPrint.js';
import { Print } from '../../../src/elements/Print.js';
import { Printer } from '../../../src/pipeline/printer.js';
import { craft } from '../craft.js';
import { type Rig, rig } from '../rig.js';

function listen(bench: Rig<Print | IPPrint>): string[] {
  const lines: string[] = [];
  bench.engine.services.shared(Printer).write = (text) => lines.push(text);
  return lines;
}

t.test('Print shows label, length and bytes', async (t) => {
  const cases: [string, string][] = [
    ['', '   6 | 61620063 6465\n'],
    ['hi, 3', 'hi:    6 | 616200\n'],
    ['MAXLENGTH -1, CONTENTS ascii', '   6 | ab.cde\n'],
    ['hi, CONTENTS NONE, TIMESTAMP true', 'hi: 12.000034:    6\n'],
    ['ACTIVE false', ''],
  ];
  for (const [config, expected] of cases) {
    const bench = rig(Print, config);
    const lines = listen(bench);
    bench.put(Buffer.from('ab\0cde'), { sec: 12, nsec: 34_567 });
    t.equal(bench.run().out!.length, 1);
    t.equal(lines.join(''), expected, config);
  }
});

t.test('a flood is not printed in full, but passes in full', async (t) => {
  const bench = rig(Print, 'CONTENTS NONE');
  const lines = listen(bench);
  for (let i = 0; i < 1500; i++) bench.put(Buffer.alloc(1));
  t.equal(bench.run().out!.length, 1500);
  t.equal(lines.length, 1000);
  bench.wait(1);
  bench.put(Buffer.alloc(1));
  bench.run();
  t.strictSame(lines.slice(1000), ['(500 lines were not printed)\n', '   1\n']);
});

t.test('IPPrint says what tcpdump would', async (t) => {
  const tcp = { proto: 6, src: 0xc6336401, dst: 0x0a630001, sport: 40000, dport: 80 };
  const cases: [string, Buffer, string][] = [
    [
      '',
      craft({ ...tcp, tcpFlags: 2 }),
      '1.000000: 198.51.100.1.40000 > 10.99.0.1.80: S 1000:1001(1,40,20) win 8192\n',
    ],
    [
      'in, TIMESTAMP false',
      craft({ ...tcp, tcpFlags: 0x19, payload: Buffer.from('hey') }),
      'in: 198.51.100.1.40000 > 10.99.0.1.80: FP 1000:1004(4,43,23) ack 0 win 8192\n',
    ],
    ['TIMESTAMP no', craft({ dport: 53 }), '198.51.100.1.1024 > 192.0.2.1.53: udp 8\n'],
    ['TIMESTAMP no', craft({ proto: 1 }), '198.51.100.1 > 192.0.2.1: icmp: echo request (7, 1)\n'],
    ['TIMESTAMP no, SWAP yes', craft({ proto: 1 }), '198.51.100.1 > 192.0.2.1: icmp: echo request (1792, 256)\n'],
    ['TIMESTAMP no', craft({ proto: 1, icmp: [3, 3] }), '198.51.100.1 > 192.0.2.1: icmp: type 3 code 3\n'],
    ['TIMESTAMP no', craft({ proto: 47 }), '198.51.100.1 > 192.0.2.1: ip-proto-47\n'],
    [
      'TIMESTAMP no, ID true, TTL true, TOS true, LENGTH true, PAINT true',
      craft({ ttl: 9, tos: 8, id: 77 }),
      'paint 5 id 77 ttl 9 tos 8 length 28 198.51.100.1.1024 > 192.0.2.1.80: udp 8\n',
    ],
    [
      'TIMESTAMP no',
      craft({ fragment: 0x2002, id: 4, payload: Buffer.alloc(8) }),
      '198.51.100.1 > 192.0.2.1: udp (frag 4:8@16+)\n',
    ],
    ['TIMESTAMP no', craft({ proto: 6 }).subarray(0, 30), '198.51.100.1 > 192.0.2.1: tcp (cut off)\n'],
    ['TIMESTAMP no', Buffer.alloc(40), 'not an IPv4 packet, 40 bytes\n'],
    ['TIMESTAMP no', Buffer.alloc(0), 'not an IPv4 packet, 0 bytes\n'],
    [
      'TIMESTAMP no, PAYLOAD ascii',
      craft({ payload: Buffer.from('GET /') }),
      '198.51.100.1.1024 > 192.0.2.1.80: udp 13\n  ...P.... GET /\n',
    ],
    [
      'TIMESTAMP no, CONTENTS hex, MAXLENGTH 8',
      craft({}),
      '198.51.100.1.1024 > 192.0.2.1.80: udp 8\n  4500001c 00010000\n',
    ],
  ];
  for (const [config, packet, expected] of cases) {
    const bench = rig(IPPrint, config);
    const lines = listen(bench);
    bench.put(packet, { sec: 1, paint: 5 });
    bench.run();
    t.equal(lines.join('').replace(/\.\.\.P\.[^ ]{3}/, '...P....'), expected, config);
  }
  t.throws(() => rig(IPPrint, 'CONTENTS hex, PAYLOAD hex'), { message: /give one of CONTENTS and PAYLOAD/ });
});

t.test('IPPrint can be switched off, and print to a file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'potemkin-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'out.txt');
  const bench = rig(IPPrint, `TIMESTAMP no, OUTFILE ${path}`);
  const lines = listen(bench);
  await bench.engine.start();
  for (let i = 0; i < 1200; i++) bench.put(craft());
  bench.run();
  bench.element.handlers().active.write('false');
  bench.put(craft());
  bench.run();
  await bench.engine.stop();
  t.equal(readFileSync(path, 'utf8'), '198.51.100.1.1024 > 192.0.2.1.80: udp 8\n'.repeat(1200));
  t.strictSame(lines, []);
});
