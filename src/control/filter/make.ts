import type { CheckedGraph } from '../../pipeline/check.js';
import type { Engine } from '../../pipeline/engine.js';
import type { WorkerOrder } from '../messages.js';
import { filterFacts, hasGuardedExit } from './facts.js';
import { KernelFilter, NAME } from './filter.js';

/**
 * The filter that a run needs: undefined if its clones' packets leave by no interface. A run that could have one and has
 * none says so.
 * @throws {Failure} if it cannot be made
 */
export function makeFilter(
  graph: CheckedGraph,
  { filter, netns }: Pick<WorkerOrder, 'filter' | 'netns'>,
  { services, stats }: Pick<Engine, 'services' | 'stats'>,
): KernelFilter | undefined {
  if (!hasGuardedExit(graph)) return undefined;
  const isRoot = process.geteuid?.() === 0;
  if (filter === 'off' || (filter === undefined && !isRoot)) {
    const why = filter === 'off' ? 'it is switched off' : 'only root can have one';
    const message = `${why}: nothing but this process keeps in what clones send, and nothing does when it fails`;
    services.event({ kind: 'warning', element: NAME, message });
    return undefined;
  }
  return new KernelFilter(filterFacts(graph), netns !== undefined, services, stats);
}
