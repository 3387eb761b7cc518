import t from 'tap';
import { Reflector } from '../../../src/elements/Reflector.js';
import { parseAddress } from '../../../src/packet/address.js';
import { rig } from '../rig.js';

/** A header with a right checksum. */
function header(ttl: number): Buffer {
  const bytes = Buffer.from('4500001400000000000600000a6300010a630002', 'hex');
  bytes[8] = ttl;
  bytes.writeUInt16BE(~sum(bytes) & 0xffff, 10);
  return bytes;
}

function sum(bytes: Buffer): number {
  let total = 0;
  for (let i = 0; i < 20; i += 2) total += bytes.readUInt16BE(i);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

t.test('takes hops off the TTL and keeps the checksum right', async (t) => {
  for (let ttl = 4; ttl < 256; ttl++) {
    const bench = rig(Reflector, 'HOPS 3');
    bench.put(header(ttl), { src: 1, dst: parseAddress('10.99.0.2')! });
    const [packet] = bench.run().out!;
    if (packet!.bytes[8] !== ttl - 3 || sum(packet!.bytes) !== 0xffff)
      t.fail(`TTL ${ttl}: ${packet!.bytes.toString('hex')}`);
  }
  t.pass('for every TTL');
});

t.test('what no machine can have for an address is dropped', async (t) => {
  const bench = rig(Reflector);
  for (const address of ['224.0.0.1', '255.255.255.255', '240.0.0.1', '127.0.0.1', '0.0.0.0']) {
    bench.put(header(64), { src: 1, dst: parseAddress(address)! });
  }
  bench.put(header(64), { src: 0x0a000007, dst: 0x0a000007 });
  bench.put(header(9), { src: 7, dst: parseAddress('10.0.0.1')! });
  t.same(bench.run().out, []);
  t.equal(bench.element.drops.unplayable.value, 5);
  t.equal(bench.element.drops['to-self'].value, 1);
  t.equal(bench.element.drops.ttl.value, 1);
});
