import t from 'tap';
import { HalfSipHash } from '../../../src/packet/half-siphash.js';

t.test('half-siphash of four bytes is that of its authors', async (t) => {
  const hash = new HalfSipHash(Uint8Array.from({ length: 8 }, (_, i) => i));
  // vectors.h, vectors_hsip32[4]: key 00 to 07, input 00 01 02 03, output 2a 6e 46 89.
  t.equal(hash.word(0x03020100), 0x89466e2a);
});
