const rotl = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

/**
 * HalfSipHash-2-4 of one word of 32 bits: a hash that nobody can foresee who does not know the key. Result: 32 bits,
 * unsigned. (https://github.com/veorq/SipHash, halfsiphash.c)
 */
export class HalfSipHash {
  private readonly k0: number;
  private readonly k1: number;

  /** @param key 8 bytes, of which more are not looked at */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    this.k0 = view.getInt32(0, true);
    this.k1 = view.getInt32(4, true);
  }

  word(word: number): number {
    let v0 = this.k0;
    let v1 = this.k1;
    let v2 = 0x6c796765 ^ this.k0;
    let v3 = 0x74656462 ^ this.k1;
    // The word; then the end, which is the length; then the finish.
    for (let block = 0; block < 3; block++) {
      const m = block === 0 ? word | 0 : block === 1 ? 4 << 24 : 0;
      v3 ^= m;
      if (block === 2) v2 ^= 0xff;
      for (let round = block === 2 ? 4 : 2; round > 0; round--) {
        v0 = (v0 + v1) | 0;
        v1 = rotl(v1, 5) ^ v0;
        v0 = rotl(v0, 16);
        v2 = (v2 + v3) | 0;
        v3 = rotl(v3, 8) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = rotl(v3, 7) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = rotl(v1, 13) ^ v2;
        v2 = rotl(v2, 16);
      }
      v0 ^= m;
    }
    return (v1 ^ v3) >>> 0;
  }
}
