import { HeldPackets } from '../packet/held.js';
import type { Packets } from '../packet/packets.js';
import type { CloneRecord } from './universes.js';

export interface BindingsOptions {
  /** Clones that may be in the making at once, and packets that may wait for each. */
  readonly clones: number;
  readonly waiting: number;
  /** Takes a packet that has waited for a clone that is ready. */
  deliver(clone: CloneRecord, row: number): void;
  /** Takes one whose clone could not be made. */
  drop(row: number): void;
  /** Nothing waits for a clone any more: it is ready, or why it failed. */
  end(clone: CloneRecord, failure: string | undefined): void;
}

interface Binding {
  readonly waiting: HeldPackets;
  /** Neither ready nor failed. */
  making: boolean;
}

/** Clones in the making, and the packets that wait for each. They go in their order before any that come later. */
export class Bindings {
  private readonly packets: Packets;
  private readonly options: BindingsOptions;
  private readonly open = new Map<CloneRecord, Binding>();
  private readonly spare: Binding[] = [];
  /** Clones whose making has come to an end since the last turn; the reason is there if it failed. */
  private readonly outcomes: { clone: CloneRecord; failure: string | undefined }[] = [];

  constructor(packets: Packets, options: BindingsOptions) {
    this.packets = packets;
    this.options = options;
  }

  get size(): number {
    return this.open.size;
  }

  get full(): boolean {
    return this.open.size >= this.options.clones;
  }

  /** Whether some of them have come to an end that `finish` has not seen to. */
  get due(): boolean {
    return this.outcomes.length > 0;
  }

  begin(clone: CloneRecord): void {
    const binding = this.spare.pop() ?? { waiting: new HeldPackets({ packets: this.options.waiting }), making: true };
    binding.making = true;
    this.open.set(clone, binding);
  }

  isMaking(clone: CloneRecord): boolean {
    return clone.state === 'binding' && (this.open.get(clone)?.making ?? false);
  }

  /** Keeps a row until its clone is ready. False if no more may wait for it. */
  hold(clone: CloneRecord, row: number): boolean {
    const kept = this.open.get(clone)?.waiting.push(this.packets, row) ?? false;
    if (kept) this.packets.clone[row] = clone.id;
    return kept;
  }

  /** A clone is ready, or it failed and why. */
  outcome(clone: CloneRecord, failure?: string): void {
    const binding = this.open.get(clone);
    if (binding) binding.making = false;
    this.outcomes.push({ clone, failure });
  }

  /** Hands over at most max packets that have waited for clones whose making has ended. Returns the rows it took. */
  finish(max: number): number {
    const { deliver, drop, end } = this.options;
    let taken = 0;
    for (let first = this.outcomes[0]; first && taken < max; first = this.outcomes[0]) {
      const { clone, failure } = first;
      const binding = this.open.get(clone);
      for (; binding && binding.waiting.count > 0 && taken < max; taken++) {
        const row = binding.waiting.pop(this.packets);
        if (failure === undefined) deliver(clone, row);
        else drop(row);
      }
      if (binding && binding.waiting.count > 0) break;
      this.outcomes.shift();
      if (binding) this.spare.push(binding);
      this.open.delete(clone);
      end(clone, failure);
    }
    return taken;
  }
}
