import { AddressMap } from '../../src/farm/addressmap.js';
import { formatAddress } from '../../src/packet/address.js';
import { BATCH } from '../../src/packet/columns.js';
import { medianTime } from '../suite.js';
import { type Costs, heapUsed } from './size.js';

const BATCHES = 2000;
const NETWORK = 0x0a000000;

/** What JavaScript keeps, in objects and in buffers. */
function memoryUsed(): number {
  // Buffers that a collection of garbage finds are counted as gone with the next one.
  heapUsed();
  return heapUsed() + process.memoryUsage().arrayBuffers;
}

/** A map with a line for each /24 of 10.0.0.0/BITS. Its text is a value of this function alone, and garbage behind it. */
function mapOf(bits: number): AddressMap {
  const lines = Array.from({ length: 2 ** (24 - bits) }, (_, i) => {
    return `${formatAddress(NETWORK + i * 256)}/24 ${i % 3 === 0 ? 'windows-xp' : 'linux 3, windows-xp 1'}`;
  });
  return new AddressMap(lines.join('\n'), 'map');
}

/** A telescope of 10.0.0.0/BITS whose map has a line for each /24: what finding the image of an address costs. */
export function telescopeCosts(bits: number): Costs {
  const before = memoryUsed();
  const map = mapOf(bits);
  const bytes = memoryUsed() - before;
  const addresses = new Uint32Array(BATCH);
  let random = 1;
  let found = 0;
  const time = medianTime(
    BATCHES,
    () => {
      for (const address of addresses) if (map.find(address | 0) >= 0) found++;
    },
    () => {
      for (let i = 0; i < BATCH; i++) {
        random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
        addresses[i] = NETWORK + (random >>> bits);
      }
    },
  );
  if (found !== BATCHES * BATCH) throw new Error(`${found} of ${BATCHES * BATCH} addresses were found`);
  return { lookup: time / BATCH, kilobytes: bytes / 1024 };
}
