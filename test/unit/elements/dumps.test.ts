import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FromDump } from '../../../src/elements/FromDump.js';
import { ToDump } from '../../../src/elements/ToDump.js';
import { rig } from '../rig.js';

const DATA = 'test/data';

/** Plays a capture and returns the packets and the errors. */
async function play(file: string) {
  const bench = rig(FromDump, file);
  await bench.engine.start();
  const { out } = bench.run();
  await bench.engine.stop();
  const errors = bench.events.flatMap((event) => (event.kind === 'error' ? [event.message] : []));
  return { packets: out!, errors, ended: bench.element.ended };
}

// How many IPv4 packets tshark finds in them (-Y ip).
const captures: Record<string, number> = {
  'arkime__dot1ad.pcap': 2,
  'packetnet__802.1q_vlan_ipv4_tcp.pcap': 1,
  'packetnet__linktype_null_capture.pcap': 1,
  'pcapplusplus__nanosecs_big_endian.pcap': 10,
  'pcapplusplus__raw_ip.pcap': 50,
  'suricata-verify__decode-sll2-01.pcap': 5,
  'tcpdump__LINKTYPE_IPV4.pcap': 1,
  'tcpdump__LINKTYPE_RAW_ipv4.pcap': 1,
  'tcpdump__tcp-handshake-nano.pcap': 3,
  'tcpdump__empty.pcap': 0,
  'tcpdump__empty.pcapng': 0,
};

t.test('plays captures of all link types', async (t) => {
  for (const [file, expected] of Object.entries(captures)) {
    const { packets, errors, ended } = await play(join(DATA, 'linktypes', file));
    t.same(errors, [], file);
    t.equal(ended, true);
    t.equal(packets.length, expected, file);
    for (const { bytes } of packets) if (bytes[0]! >>> 4 !== 4) t.fail(`${file}: not an IPv4 packet`);
  }
});

t.test('times keep their nanoseconds', async (t) => {
  const { packets } = await play(join(DATA, 'linktypes/tcpdump__tcp-handshake-nano.pcap'));
  t.ok(packets.some(({ nsec }) => (nsec as number) % 1000 !== 0));
});

t.test('a damaged capture is played up to the damage, and the error names the offset', async (t) => {
  const folder = t.testdir({});
  const file = join(folder, 'cut.pcap');
  const whole = join(DATA, 'linktypes/pcapplusplus__raw_ip.pcap');
  const { packets } = await play(whole);
  writeFileSync(file, readFileSync(whole));
  truncateSync(file, statSync(file).size - 1);
  const cut = await play(file);
  t.equal(cut.packets.length, packets.length - 1);
  t.match(cut.errors, [/cut\.pcap: at offset \d+: it ends inside of a record/]);
  t.equal(cut.ended, true);
  const version = await play(join(DATA, 'linktypes/libpcap__pcap-invalid-version-1.pcap'));
  t.match(version.errors, [/at offset \d+: a version of the capture format that is not known/]);
});

t.test('a capture that is missing stops the start', async (t) => {
  const bench = rig(FromDump, '/nonexistent.pcap');
  await t.rejects(bench.engine.start(), { message: /cannot open the capture: .*nonexistent/ });
});

t.test('what is written reads back the same', async (t) => {
  const { packets } = await play(join(DATA, 'linktypes/tcpdump__tcp-handshake-nano.pcap'));
  const file = join(t.testdir({}), 'out.pcap');
  const bench = rig(ToDump, file, { outputs: 1 });
  await bench.engine.start();
  for (const { bytes, sec, nsec } of packets) bench.put(bytes, { sec: sec as number, nsec: nsec as number });
  t.equal(bench.run()['0']!.length, packets.length, 'and goes on to the output');
  await bench.engine.stop();
  const again = await play(file);
  const facts = (list: typeof packets) => list.map(({ bytes, sec, nsec }) => [bytes.toString('hex'), sec, nsec]);
  t.same(facts(again.packets), facts(packets));
});

t.test('a full disk ends the capture with an error, and the graph goes on', async (t) => {
  const bench = rig(ToDump, '/dev/full', { outputs: 1 });
  await bench.engine.start();
  bench.put(Buffer.alloc(40));
  bench.run();
  bench.wait(1);
  t.match(bench.events, [{ kind: 'error', message: /\/dev\/full: the capture ends after 0 bytes: ENOSPC/ }]);
  bench.put(Buffer.alloc(40));
  bench.run();
  t.equal(bench.element.drops.stopped.rows, 1);
  await bench.engine.stop();
});
