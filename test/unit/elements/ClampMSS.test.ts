import t from 'tap';
import { ClampMSS } from '../../../src/elements/ClampMSS.js';
import { columnsOf, craft } from '../craft.js';
import { rig } from '../rig.js';

const [SYN, ACK] = [2, 16];
const mss = (size: number) => [2, 4, size >>> 8, size & 255];

/** What becomes of a TCP packet with these options, and what a packet with other options would be. */
function clamp(options: number[], tcpFlags = SYN) {
  const bench = rig(ClampMSS, '1424');
  const packet = craft({ proto: 6, tcpFlags, tcpOptions: Uint8Array.from(options) });
  bench.put(packet, columnsOf(packet));
  return bench.run().out![0]!.bytes.toString('hex');
}

const plain = (options: number[], tcpFlags = SYN) =>
  craft({ proto: 6, tcpFlags, tcpOptions: Uint8Array.from(options) }).toString('hex');

t.test('lowers the MSS of a SYN, checksum and all', async (t) => {
  t.equal(clamp(mss(1460)), plain(mss(1424)));
  t.equal(clamp(mss(65_535), SYN | ACK), plain(mss(1424), SYN | ACK));
  t.equal(clamp([1, ...mss(1460), 1, 1, 1]), plain([1, ...mss(1424), 1, 1, 1]), 'at an odd place');
  t.equal(
    clamp([3, 3, 7, 1, 4, 2, ...mss(9000), 1, 0]),
    plain([3, 3, 7, 1, 4, 2, ...mss(1424), 1, 0]),
    'behind others',
  );
});

t.test('leaves the rest alone', async (t) => {
  for (const options of [
    mss(1424),
    mss(536),
    [],
    [0, ...mss(9000), 0, 0, 0],
    [3, 0, 7, 1],
    [2, 40, 9, 9],
    [2, 3, 9, 1],
  ]) {
    t.equal(clamp(options), plain(options), options.join(' '));
  }
  t.equal(clamp(mss(9000), ACK), plain(mss(9000), ACK), 'not a SYN');
});

t.test('never reads beyond the header', async (t) => {
  for (let last = 0; last < 256; last++) {
    const options = [1, 1, 1, last];
    if (clamp(options) !== plain(options)) t.fail(`options ending in ${last}`);
  }
  t.pass('whatever the last option is');
});
