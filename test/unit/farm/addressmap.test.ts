import t from 'tap';
import { AddressMap } from '../../../src/farm/addressmap.js';
import { formatAddress, parseAddress } from '../../../src/packet/address.js';

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

t.test('which image of a mix an address gets is the same in every version', async (t) => {
  const map = new AddressMap('10.0.0.0/8 a 3, b\n192.168.0.0/16 linux 2, windows-xp 1, b 5\n', 'x.map');
  const expected = {
    ...{ '10.0.0.1': 'b', '10.0.0.2': 'a', '10.0.0.3': 'a', '10.0.0.4': 'b', '10.255.255.255': 'b' },
    ...{ '192.168.0.1': 'b', '192.168.18.52': 'linux', '192.168.255.255': 'linux', '192.168.0.5': 'windows-xp' },
  };
  t.same(Object.fromEntries(Object.keys(expected).map((address) => [address, lookup(map, address)])), expected);
});

t.test('a line for each address of a /16', async (t) => {
  const image = (i: number) => `image-${(i ^ (i >> 8)) % 3}`;
  const lines = Array.from({ length: 0x10000 }, (_, i) => `${formatAddress(0x0a010000 + i)} ${image(i)}`);
  const map = new AddressMap(lines.toReversed().join('\n'), 'x.map');
  const wrong = lines.findIndex((_, i) => map.lookup(0x0a010000 + i) !== image(i));
  t.equal(wrong, -1);
  t.equal(lookup(map, '10.0.255.255'), undefined);
  t.equal(lookup(map, '10.2.0.0'), undefined);
});

t.test('a batch gets what each of its addresses gets', async (t) => {
  const lines = [
    '10.0.0.0/8 a 3, b',
    '10.1.128.0/17 c',
    '10.1.200.0/22 a',
    '10.1.200.7 b',
    '200.0.0.0/15 c',
    '255.255.255.255 b',
  ];
  const addresses = Uint32Array.from({ length: 512 }, (_, i) => 0x0a01c700 + i);
  addresses.set([
    0, 0x0a000000, 0x0a00ffff, 0x0a017fff, 0x0a018000, 0xc7ffffff, 0xc8000000, 0xc801ffff, 0xfffffffe, 0xffffffff,
  ]);
  const rows = Uint16Array.from(addresses, (_, i) => addresses.length - 1 - i);
  for (const some of [lines, lines.slice(1), ['0.0.0.0/0 b'], []]) {
    const map = new AddressMap(some.join('\n'), 'x.map');
    const results = new Int32Array(rows.length).fill(99);
    map.findAll(addresses, rows, rows.length - 1, results);
    t.same([...results], [...[...rows].slice(0, -1).map((row) => map.find(addresses[row]!)), 99]);
  }
});

t.test('a map without lines holds no address', async (t) => {
  const map = new AddressMap('# none\n', 'x.map');
  for (const address of ['0.0.0.0', '10.0.0.1', '255.255.255.255']) t.equal(lookup(map, address), undefined);
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

t.test('a mistake is reported for each line that makes it', async (t) => {
  t.throws(() => new AddressMap('10.0.0.0/8 a 0\n11.0.0.0/8 a 0\n12.0.0.0/8 a\rb\n', 'x.map'), {
    message: [
      "x.map:1:12: expected an image and a weight from 1, such as 'linux 3', not 'a 0'",
      "x.map:2:12: expected an image and a weight from 1, such as 'linux 3', not 'a 0'",
      "x.map:3:12: expected an image and a weight from 1, such as 'linux 3', not 'a\rb'",
    ].join('\n'),
  });
});

t.test('weights whose sum is too great are a mistake', async (t) => {
  const shares = (count: number) => Array.from({ length: count }, () => 'a 1000000').join(', ');
  t.equal(lookup(new AddressMap(`10.0.0.0/8 ${shares(2147)}`, 'x.map'), '10.0.0.1'), 'a');
  t.throws(() => new AddressMap(`\n 10.0.0.0/8 ${shares(2148)}`, 'x.map'), {
    message: 'x.map:2:13: expected weights of at most 2147483647 together, not 2148000000',
  });
});
