import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { HashAnswer } from './hash-worker.js';

/** Hashes files in a thread of its own, which begins with the first and does not keep the process alive. */
export class FileHasher {
  private worker: Worker | undefined;

  /** One at a time. @returns the SHA-256 of a file in hexadecimal */
  async sha256(path: string): Promise<string> {
    if (!this.worker) {
      this.worker = new Worker(new URL('./hash-worker.js', import.meta.url), { name: 'hash-files' });
      // A thread that failed answers no more; the next file gets another.
      this.worker.once('error', () => {
        this.worker = undefined;
      });
    }
    const { worker } = this;
    worker.ref();
    try {
      const heard = once(worker, 'message');
      worker.postMessage(path);
      const [answer] = (await heard) as [HashAnswer];
      if ('error' in answer) throw new Error(answer.error);
      return answer.sha256;
    } finally {
      worker.unref();
    }
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
    this.worker = undefined;
  }
}
