/** A thread that hashes files, so that the data plane need not: one path a message, one answer each, in order. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { parentPort } from 'node:worker_threads';

/** The SHA-256 of a file in hexadecimal, or why there is none. */
export type HashAnswer = { readonly sha256: string } | { readonly error: string };

async function answer(path: string): Promise<HashAnswer> {
  try {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
    return { sha256: hash.digest('hex') };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

let turn = Promise.resolve();
parentPort?.on('message', (path: string) => {
  turn = turn.then(async () => parentPort?.postMessage(await answer(path)));
});
