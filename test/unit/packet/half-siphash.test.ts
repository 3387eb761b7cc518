import t from 'tap';
import { HalfSipHash, keyedHash } from '../../../src/packet/half-siphash.js';

t.test('HalfSipHash-2-4 is that of its authors', async (t) => {
  // vectors.h, vectors_hsip32[0, 4, 8]: key 00 to 07, input 00 01 02 …
  const [low, high] = [0x03020100, 0x07060504];
  const hash = new HalfSipHash(low, high);
  t.equal(hash.words([]), 0x5b9f35a9);
  t.equal(hash.word(0x03020100), 0x89466e2a);
  t.equal(hash.words([0x03020100, 0x07060504]), 0x8f84b8d0);
  t.equal(keyedHash(low, high, 0x03020100), 0x89466e2a);
});
