import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { cli, run } from './lab-rig.js';

const captures = [
  'demo/story.pcap',
  'test/data/gre/packetnet__gre_all_options.pcap',
  'test/data/gre/pcapplusplus__GrePackets.pcap', // its packets lie years apart
  'test/data/gre/tcpdump__various_gre.pcap',
  'test/data/gre/zeek__gre-sample.pcap',
];

async function replay(capture: string, out: string): Promise<Buffer> {
  const { status, err } = await cli(
    'run',
    'config/replay.click',
    '-D',
    `IN=${capture}`,
    '-D',
    `OUT=${out}`,
    '--listen',
    'off',
  );
  if (status !== 0) throw new Error(`${capture}: ${err}`);
  return readFileSync(out);
}

/** Every packet that tshark finds something wrong with: malformed, or with a bad checksum. */
const WRONG = ['_ws.malformed', ...['ip', 'tcp', 'udp', 'icmp'].map((proto) => `${proto}.checksum.status == 0`)];
const CHECKS = ['ip', 'tcp', 'udp'].flatMap((proto) => ['-o', `${proto}.check_checksum:TRUE`]);

const tshark = (await run('tshark', ['--version'])).status === 0;

t.test('the same capture gives the same output, byte for byte', async (t) => {
  const folder = t.testdir({});
  for (const capture of captures) {
    const [first, second] = [
      await replay(capture, join(folder, 'a.pcap')),
      await replay(capture, join(folder, 'b.pcap')),
    ];
    t.ok(first.equals(second), capture);
  }
});

t.test('what goes back into the tunnel is sound', { skip: tshark ? false : 'tshark is not installed' }, async (t) => {
  const out = join(t.testdir({}), 'out.pcap');
  let packets = 0;
  for (const capture of captures) {
    await replay(capture, out);
    const all = (await run('tshark', ['-r', out])).out.trim();
    if (all !== '') packets += all.split('\n').length;
    t.has(await run('tshark', ['-r', out, ...CHECKS, '-Y', WRONG.join(' || ')]), { status: 0, out: '' }, capture);
  }
  t.ok(packets > 20, `${packets} packets looked at`);
});
