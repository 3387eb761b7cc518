/** What a receiver has counted since it began. */
export interface Look {
  /** Packets that it took, and that the kernel dropped because it did not. */
  readonly received: number;
  readonly dropped: number;
  /** Processor time of its process, in ns, and how much of it was the kernel's. */
  readonly processor: number;
  readonly kernel: number;
  /** How long each pause for the collection of garbage was, in ms. */
  readonly pauses: readonly number[];
}
