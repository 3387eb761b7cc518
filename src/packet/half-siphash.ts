const rotate = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

/**
 * HalfSipHash-2-4 of 32-bit words under a 64-bit key (Aumasson and Bernstein, "SipHash: a fast short-input PRF"; the 32-bit
 * variant of its reference code): 32 unsigned bits that nobody can guess who does not know the key.
 */
export class HalfSipHash {
  private readonly low: number;
  private readonly high: number;
  private v0 = 0;
  private v1 = 0;
  private v2 = 0;
  private v3 = 0;

  constructor(keyLow: number, keyHigh: number) {
    this.low = keyLow | 0;
    this.high = keyHigh | 0;
  }

  /** Of one word. */
  word(word: number): number {
    this.begin();
    this.block(word);
    return this.end(1);
  }

  words(words: readonly number[]): number {
    this.begin();
    for (const word of words) this.block(word);
    return this.end(words.length);
  }

  private begin(): void {
    this.v0 = this.low;
    this.v1 = this.high;
    this.v2 = 0x6c796765 ^ this.low;
    this.v3 = 0x74656462 ^ this.high;
  }

  private block(word: number): void {
    this.v3 ^= word;
    this.rounds(2);
    this.v0 ^= word;
  }

  private end(words: number): number {
    this.block((words * 4) << 24);
    this.v2 ^= 0xff;
    this.rounds(4);
    return (this.v1 ^ this.v3) >>> 0;
  }

  private rounds(count: number): void {
    let { v0, v1, v2, v3 } = this;
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
    this.v0 = v0;
    this.v1 = v1;
    this.v2 = v2;
    this.v3 = v3;
  }
}

/** The hash of some words under a key that is used once. */
export const keyedHash = (keyLow: number, keyHigh: number, ...words: number[]): number =>
  new HalfSipHash(keyLow, keyHigh).words(words);
