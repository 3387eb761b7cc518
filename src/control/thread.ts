import { Worker } from 'node:worker_threads';

/**
 * Runs a module in a thread of its own, until it ends, or is ended by the signal.
 * @returns what it posted to its parent, one by one
 */
export async function* thread<Message>(
  module: URL,
  workerData: unknown,
  signal?: AbortSignal,
): AsyncGenerator<Message, void> {
  const worker = new Worker(module, { workerData });
  signal?.addEventListener('abort', () => void worker.terminate());
  const messages: Message[] = [];
  let wake = () => {};
  let ended = false;
  let failure: unknown;
  worker.on('message', (message: Message) => {
    messages.push(message);
    wake();
  });
  worker.on('error', (error) => {
    failure = error;
  });
  worker.on('exit', () => {
    ended = true;
    wake();
  });
  try {
    while (true) {
      const message = messages.shift();
      if (message !== undefined) yield message;
      else if (failure !== undefined) throw failure;
      else if (ended) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    await worker.terminate();
  }
}
