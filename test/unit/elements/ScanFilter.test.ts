import t from 'tap';
import { ScanFilter } from '../../../src/elements/ScanFilter.js';
import { PROTOCOL } from '../../../src/packet/protocol.js';
import { type Rig, rig } from '../rig.js';

const syn = (src: number, dst: number, dport: number) => ({ src, dst, dport, proto: PROTOCOL.tcp, sport: 40_000 });

function offer(bench: Rig<ScanFilter>, ...packets: Record<string, number>[]): string {
  for (const columns of packets) bench.put(Buffer.alloc(40), columns);
  const { pass, scan } = bench.run();
  return `${pass!.map(({ dst }) => dst).join(',')} | ${scan!.map(({ dst }) => dst).join(',')}`;
}

t.test('one target a scan and window', async (t) => {
  const bench = rig(ScanFilter, 'TARGETS 1, WINDOW 60s');
  t.equal(offer(bench, syn(1, 10, 80), syn(1, 11, 80), syn(1, 12, 80)), '10 | 11,12', 'within a batch');
  t.equal(offer(bench, syn(1, 13, 80)), ' | 13', 'and later');
  t.equal(offer(bench, syn(1, 10, 80)), '10 | ', 'the admitted target passes again');
  t.equal(offer(bench, syn(1, 20, 443)), '20 | ', 'another port is another scan');
  t.equal(offer(bench, { ...syn(1, 21, 80), proto: PROTOCOL.udp }), '21 | ', 'and so is another protocol');
  t.equal(offer(bench, syn(2, 14, 80)), '14 | ', 'and another source');
  bench.wait(59.9);
  t.equal(offer(bench, syn(1, 15, 80)), ' | 15');
  bench.wait(0.2);
  t.equal(offer(bench, syn(1, 16, 80), syn(1, 10, 80)), '16 | 10', 'a new window begins 60 s after the old one began');
  t.equal(bench.element.handlers().tracked.read(), '4');
});

t.test('several targets, and none at all', async (t) => {
  t.equal(offer(rig(ScanFilter, 'TARGETS 2'), syn(1, 1, 80), syn(1, 2, 80), syn(1, 3, 80), syn(1, 2, 80)), '1,2,2 | 3');
  t.equal(offer(rig(ScanFilter, 'TARGETS 0'), syn(1, 1, 80), syn(1, 2, 80)), '1,2 | ', '0 switches the filter off');
});

t.test('ICMP is told apart by type, not by echo identifier', async (t) => {
  const echo = (dst: number, id: number) => ({ src: 1, dst, proto: PROTOCOL.icmp, sport: 8 << 8, dport: id });
  t.equal(offer(rig(ScanFilter), echo(1, 100), echo(2, 101)), '1 | 2');
});

t.test('a bounded number of scans is remembered', async (t) => {
  const bench = rig(ScanFilter, 'SCANS 100');
  for (let src = 0; src < 500; src++) offer(bench, syn(src, 1, 80));
  t.ok(Number(bench.element.handlers().tracked.read()) <= 100);
  t.equal(offer(bench, syn(499, 2, 80)), ' | 2', 'the latest is');
});
