const STATE = 624;
const SHIFT = 397;

/**
 * Python's `random.Random(seed)` for a seed of 32 bits: the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998) seeded
 * by array, and the ways in which CPython 3 draws from it, so that a workload is the same in both languages.
 */
export class PythonRandom {
  private readonly state = new Uint32Array(STATE);
  private at = STATE;

  constructor(seed: number) {
    const { state } = this;
    state[0] = 19_650_218;
    for (let i = 1; i < STATE; i++) state[i] = Math.imul(1_812_433_253, this.before(i)) + i;
    let i = 1;
    for (let k = 0; k < STATE; k++) {
      state[i] = (state[i]! ^ Math.imul(this.before(i), 1_664_525)) + seed;
      i = this.following(i);
    }
    for (let k = 0; k < STATE - 1; k++) {
      state[i] = (state[i]! ^ Math.imul(this.before(i), 1_566_083_941)) - i;
      i = this.following(i);
    }
    state[0] = 0x80000000;
  }

  /** An integer of so many random bits, 1 to 32. */
  getrandbits(bits: number): number {
    return this.next() >>> (32 - bits);
  }

  /** A number from 0 to below 1, of 53 bits. */
  random(): number {
    const high = this.next() >>> 5;
    return (high * 2 ** 26 + (this.next() >>> 6)) / 2 ** 53;
  }

  /** An integer from `start` to below `stop`. */
  randrange(start: number, stop: number): number {
    const width = stop - start;
    const bits = 32 - Math.clz32(width);
    let drawn = this.getrandbits(bits);
    while (drawn >= width) drawn = this.getrandbits(bits);
    return start + drawn;
  }

  choice<T>(list: readonly T[]): T {
    return list[this.randrange(0, list.length)]!;
  }

  /** The state before word i, stirred. */
  private before(i: number): number {
    const word = this.state[i - 1]!;
    return word ^ (word >>> 30);
  }

  /** The word to seed after word i; behind the last comes the second, and the first is a copy of the last. */
  private following(i: number): number {
    if (i + 1 < STATE) return i + 1;
    this.state[0] = this.state[STATE - 1]!;
    return 1;
  }

  private next(): number {
    if (this.at === STATE) this.twist();
    let word = this.state[this.at++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  private twist(): void {
    const { state } = this;
    for (let i = 0; i < STATE; i++) {
      const mixed = (state[i]! & 0x80000000) | (state[(i + 1) % STATE]! & 0x7fffffff);
      state[i] = state[(i + SHIFT) % STATE]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }
}
