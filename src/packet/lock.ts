/** Milliseconds: who holds a lock for longer has ended with it. */
const PATIENCE = 1000;

const [FREE, HELD, AWAITED] = [0, 1, 2];

export const lockMemory = (): SharedArrayBuffer => new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);

/** Lets one thread at a time work on memory that several share. It is held for the length of a batch. */
export class Lock {
  private readonly word: Int32Array;
  private readonly patience: number;

  constructor(memory: SharedArrayBuffer, patience = PATIENCE) {
    this.word = new Int32Array(memory);
    this.patience = patience;
  }

  /** @throws {Error} if it is not given back in time */
  take(): void {
    const { word, patience } = this;
    if (Atomics.compareExchange(word, 0, FREE, HELD) === FREE) return;
    while (Atomics.exchange(word, 0, AWAITED) !== FREE) {
      if (Atomics.wait(word, 0, AWAITED, patience) === 'timed-out') {
        throw new Error(`another worker has held what all share for ${patience} ms`);
      }
    }
  }

  give(): void {
    if (Atomics.exchange(this.word, 0, FREE) === AWAITED) Atomics.notify(this.word, 0, 1);
  }
}
