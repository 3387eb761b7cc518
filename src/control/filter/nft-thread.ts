import { Worker } from 'node:worker_threads';
import { Failure } from '../failure.js';

export interface NftOrder {
  readonly id: number;
  readonly args: readonly string[];
  readonly input: string | undefined;
}

export type NftAnswer = { readonly id: number } & ({ readonly out: string } | { readonly error: string });

interface Waiting {
  resolve(out: string): void;
  reject(error: Failure): void;
}

/**
 * Runs nft from a thread of its own: whoever starts a process waits until it has been made, which on a busy machine takes
 * longer than packets can wait. The thread is in the network namespace of the one that made it.
 */
export class NftThread {
  private readonly worker = new Worker(new URL('./nft-worker.js', import.meta.url), { name: 'nft' });
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;
  private ended: Failure | undefined;

  constructor() {
    // The one that made it says when all is over.
    this.worker.unref();
    this.worker.on('message', (answer: NftAnswer) => {
      const waiting = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if ('out' in answer) waiting?.resolve(answer.out);
      else waiting?.reject(new Failure(answer.error));
    });
    this.worker.on('error', (error) => this.end(`the thread of nft has failed: ${error.message}`));
    this.worker.on('exit', () => this.end('the thread of nft has ended'));
  }

  /** As nft() of nft.ts. */
  readonly run = (args: readonly string[], input?: string): Promise<string> =>
    new Promise((resolve, reject) => {
      if (this.ended) return reject(this.ended);
      const id = ++this.last;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, args, input } satisfies NftOrder);
    });

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private end(why: string): void {
    this.ended ??= new Failure(why);
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}
