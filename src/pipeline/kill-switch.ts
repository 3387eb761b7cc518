/** Who stopped export, and why. */
export interface StopCall {
  readonly by: string;
  readonly reason: string;
}

/** What the data plane may do with the kill switch: whoever is in doubt stops, and only a person lifts. */
export type ExportStop = Pick<KillSwitch, 'stopped' | 'stop'>;

/**
 * Stops all export. It is one word of memory that all threads share, so a stop needs no message: the data plane reads it
 * with each batch that is about to leave. The control plane keeps who and why.
 */
export class KillSwitch {
  readonly memory: SharedArrayBuffer;
  /** Called, in the thread that stops, when export was not stopped before. */
  onStop: (call: StopCall) => void = () => {};
  private readonly word: Int32Array;

  constructor(memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.word = new Int32Array(memory);
  }

  get stopped(): boolean {
    return Atomics.load(this.word, 0) !== 0;
  }

  /** @param by who says so: the name of an element, of a person's command, of a watchdog */
  stop(by: string, reason: string): void {
    if (Atomics.exchange(this.word, 0, 1) === 0) this.onStop({ by, reason });
  }

  /** Another thread says that it has stopped. Holds even if somebody has lifted in the meantime. */
  hear(call: StopCall): void {
    Atomics.store(this.word, 0, 1);
    this.onStop(call);
  }

  lift(): void {
    Atomics.store(this.word, 0, 0);
  }
}
