import { Cleanup } from '../cleanup.js';
import { coldBinds, warmBinds } from '../clones/binds.js';
import { creation } from '../clones/creation.js';
import { hundred } from '../clones/hundred.js';
import { idleClones } from '../clones/idle.js';
import { ownState, withoutMachines } from '../clones/images.js';
import { recycling } from '../clones/recycling.js';
import { firstReplies } from '../clones/tunnel.js';
import type { Bench, Suite } from '../suite.js';

/** A case: with the folder of state that the suite has made. */
type Part = (bench: Bench, state: string, cleanup: Cleanup) => Promise<void>;

const PARTS: readonly Part[] = [warmBinds, coldBinds, firstReplies, creation, idleClones, hundred, recycling];

async function run(bench: Bench): Promise<void> {
  const cleanup = new Cleanup();
  try {
    bench.progress('clones: copying the image');
    const state = await ownState(bench.state, cleanup);
    for (const part of PARTS) await part(bench, state, cleanup);
  } finally {
    cleanup.run();
  }
}

export const clones: Suite = {
  name: 'clones',
  summary: 'real machines: how soon they answer, how many can be made, what one costs; as root',
  missing: ({ state }) => withoutMachines(state),
  run,
};
