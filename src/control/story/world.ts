import { ensureImage } from '../../farm/image/make.js';
import { ImageStore } from '../../farm/image/store.js';
import type { World } from './chapters.js';
import type { Teller } from './teller.js';

/** The image that config/addresses.map asks for. */
const IMAGE = 'linux';

/**
 * What the clones of the live story are: real machines, of an image that is made if it is not there. Where that is
 * impossible the story says why, and goes on with simulated ones.
 */
export async function chooseWorld(teller: Teller, state: string, recipe: string): Promise<World> {
  try {
    const { accelerator, memory } = (
      await ensureImage(new ImageStore(state), IMAGE, recipe, (line) => teller.event(line))
    ).hardware;
    teller.text(
      `Clones are made of a real machine with ${memory >> 20} MB of memory, a small Debian server, which was booted once and frozen. It runs under QEMU (${accelerator}).`,
    );
    return 'machines';
  } catch (error) {
    teller.problem(`real machines cannot be made here: ${(error as Error).message}`);
    teller.text('Clones are simulated instead: a small network stack each, in real copy-on-write memory.');
    return 'simulated';
  }
}
