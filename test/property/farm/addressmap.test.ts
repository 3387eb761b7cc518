/** Random maps of prefixes that lie within and beside each other, against what their lines say one by one. */
import fc from 'fast-check';
import t from 'tap';
import { AddressMap } from '../../../src/farm/addressmap.js';
import { formatAddress, prefixMask } from '../../../src/packet/address.js';

const LISTS = ['linux', 'linux 3', 'xp', 'linux 3, xp', 'xp 7, linux 11, server 2', 'xp, xp, server 1000000'];

/** Which of a list's images plays an address has nothing to do with the prefix that names the list. */
const ALONE = new Map(LISTS.map((list) => [list, new AddressMap(`0.0.0.0/0 ${list}`, 'alone.map')]));

/** Most are near each other, and near where the upper half of an address changes. */
const address = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: -600, max: 600 }).map((far) => 0x0a020000 + far) },
  { weight: 2, arbitrary: fc.nat(0x3ffff).map((far) => 0x0a000000 + far) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0x7fffffff, 0x80000000, 0xffff0000, 0xffffffff) },
  { weight: 1, arbitrary: fc.nat(0xffffffff) },
);
const length = fc.oneof(fc.integer({ min: 20, max: 32 }), fc.integer({ min: 12, max: 20 }), fc.nat(32));
const line = fc.record({ address, length, list: fc.constantFrom(...LISTS) }).map((line) => ({
  ...line,
  address: (line.address & prefixMask(line.length)) >>> 0,
}));
type Line = { address: number; length: number; list: string };
const lines = fc.uniqueArray(line, { maxLength: 60, size: 'max', selector: (of) => `${of.address}/${of.length}` });

/** What the lines say of an address. */
function said(lines: readonly Line[], address: number): string | undefined {
  let best: Line | undefined;
  for (const each of lines) {
    if ((address & prefixMask(each.length)) >>> 0 !== each.address) continue;
    if (!best || each.length > best.length) best = each;
  }
  if (!best) return undefined;
  const image = ALONE.get(best.list)!.lookup(address);
  if (image === undefined || !best.list.includes(image)) throw new Error(`'${best.list}' gives ${image}`);
  return image;
}

t.test('the longest prefix that holds an address decides, whatever else the map says', async (t) => {
  const counts = { none: 0, one: 0 };
  fc.assert(
    fc.property(lines, fc.array(address, { maxLength: 20 }), (lines, others) => {
      const text = lines.map(({ address, length, list }) => `${formatAddress(address)}/${length} ${list}`).join('\n');
      const map = new AddressMap(text, 'some.map');
      const edges = lines.flatMap(({ address, length }) => {
        const end = address + 2 ** (32 - length);
        return [address - 1, address, end - 1, end].map((edge) => edge >>> 0);
      });
      for (const each of [...edges, ...others]) {
        const expected = said(lines, each);
        counts[expected === undefined ? 'none' : 'one']++;
        if (map.lookup(each) !== expected) {
          throw new Error(`${formatAddress(each)}: expected ${expected}, came ${map.lookup(each)}`);
        }
        if (map.find(each | 0) !== map.find(each)) throw new Error(`${formatAddress(each)}: its sign matters`);
      }
    }),
    { numRuns: 200 },
  );
  t.comment(JSON.stringify(counts));
  t.ok(counts.none > 500 && counts.one > 5000, 'enough happened to mean something');
});
