/** The thread of an NftThread: runs nft, one run after the other. */
import { parentPort } from 'node:worker_threads';
import { nft } from './nft.js';
import type { NftAnswer, NftOrder } from './nft-thread.js';

const port = parentPort!;
let last: Promise<void> = Promise.resolve();

async function answer({ id, args, input }: NftOrder): Promise<void> {
  let said: NftAnswer;
  try {
    said = { id, out: await nft(args, input) };
  } catch (error) {
    said = { id, error: (error as Error).message };
  }
  port.postMessage(said);
}

port.on('message', (order: NftOrder) => {
  last = last.then(() => answer(order));
});
