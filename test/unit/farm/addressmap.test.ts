import t from 'tap';
import { AddressMap } from '../../../src/farm/addressmap.js';
import { parseAddress } from '../../../src/packet/address.js';

const lookup = (map: AddressMap, address: string) => map.lookup(parseAddress(address)!);

t.test('the longest prefix decides', async (t) => {
  const map = new AddressMap('10.0.0.0/8 a\n10.1.0.0/16 b # comment\n\n10.1.2.3 c\n', 'x.map');
  t.equal(lookup(map, '10.9.9.9'), 'a');
  t.equal(lookup(map, '10.1.9.9'), 'b');
  t.equal(lookup(map, '10.1.2.3'), 'c');
  t.equal(lookup(map, '11.1.2.3'), undefined);
  t.same(map.images, ['a', 'b', 'c']);
});

t.test('a mix follows its weights and stays the same for an address', async (t) => {
  const map = new AddressMap('10.0.0.0/8 a 3, b', 'x.map');
  const counts: Record<string, number> = { a: 0, b: 0 };
  for (let i = 0; i < 10_000; i++) {
    const image = map.lookup(0x0a000000 + i)!;
    counts[image]!++;
    if (map.lookup(0x0a000000 + i) !== image) t.fail(`address ${i} got two images`);
  }
  t.ok(Math.abs(counts.b! - 2500) < 250, `b got ${counts.b} of 10000`);
});

t.test('every mistake is reported with its place', async (t) => {
  const text = '10.0.0.0/33 a\n  10.0.0.1/8 a\n10.0.0.0/8 a, b zero\n10.0.0.0/8 c\n10.2.0.0/16\n';
  t.throws(() => new AddressMap(text, 'x.map'), {
    message: [
      "x.map:1:1: expected a prefix such as 10.99.0.0/16 or an address, not '10.0.0.0/33'",
      "x.map:2:3: expected a prefix such as 10.99.0.0/16 or an address, not '10.0.0.1/8'",
      "x.map:3:14: expected an image and a weight from 1, such as 'linux 3', not 'b zero'",
      'x.map:4:1: 10.0.0.0/8 is given twice',
      "x.map:5:12: expected an image and a weight from 1, such as 'linux 3', not ''",
    ].join('\n'),
  });
});
