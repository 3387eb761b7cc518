import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Pair } from '../../test/e2e/netns.js';
import { Program, type Programs } from './programs.js';

/** Offers the workload's frames from one end of a pair to the other. */
export class Sender {
  private readonly program: Program;
  readonly child;

  constructor({ left, right, name }: Pair, { sender, frames }: Programs) {
    execFileSync('ip', ['netns', 'exec', right, sender, name]);
    this.program = new Program(left, sender, name, String(availableParallelism() - 1), frames);
    this.child = this.program.child;
  }

  /** @returns packets that were sent, and in how many seconds */
  async offer(rate: number, seconds: number): Promise<{ sent: number; taken: number }> {
    const [sent, ns] = (await this.program.ask(rate, seconds)) as [number, number];
    return { sent, taken: ns / 1e9 };
  }
}
