function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

/**
 * HalfSipHash-2-4 of 32-bit words under a 64-bit key (Aumasson and Bernstein, "SipHash: a fast short-input PRF";
 * the 32-bit variant of its reference code): numbers that nobody can guess who does not know the key.
 */
export function keyedHash(keyLow: number, keyHigh: number, ...words: number[]): number {
  let v0 = keyLow | 0;
  let v1 = keyHigh | 0;
  let v2 = 0x6c796765 ^ keyLow;
  let v3 = 0x74656462 ^ keyHigh;
  const rounds = (count: number) => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) | 0;
      v1 = rotate(v1, 5) ^ v0;
      v0 = rotate(v0, 16);
      v2 = (v2 + v3) | 0;
      v3 = rotate(v3, 8) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = rotate(v3, 7) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = rotate(v1, 13) ^ v2;
      v2 = rotate(v2, 16);
    }
  };
  for (const word of [...words, (words.length * 4) << 24]) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  v2 ^= 0xff;
  rounds(4);
  return (v1 ^ v3) >>> 0;
}
