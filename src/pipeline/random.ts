/**
 * A stream of pseudo-random numbers (Marsaglia's xorshift128, seeded through splitmix64). Seed and name together
 * choose the stream: two elements of an engine draw different numbers, and a replay draws the same ones again.
 */
export class Random {
  private readonly state = new Uint32Array(4);

  constructor(seed: bigint, name: string) {
    let mixed = seed;
    for (const byte of Buffer.from(name)) mixed = BigInt.asUintN(64, (mixed ^ BigInt(byte)) * 0x100000001b3n);
    for (let i = 0; i < 4; i += 2) {
      mixed = BigInt.asUintN(64, mixed + 0x9e3779b97f4a7c15n);
      let z = mixed;
      z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
      z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
      z ^= z >> 31n;
      this.state[i] = Number(z & 0xffffffffn);
      this.state[i + 1] = Number(z >> 32n);
    }
    // The all-zero state is the only one that xorshift never leaves.
    if (this.state.every((word) => word === 0)) this.state[0] = 1;
  }

  /** A number from 0 up to, but not including, 1. */
  next(): number {
    const { state } = this;
    let t = state[3]!;
    const s = state[0]!;
    state[3] = state[2]!;
    state[2] = state[1]!;
    state[1] = s;
    t ^= t << 11;
    t ^= t >>> 8;
    state[0] = t ^ s ^ (s >>> 19);
    return state[0] / 2 ** 32;
  }
}
