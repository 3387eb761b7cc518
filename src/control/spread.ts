import { elements } from '../elements/index.js';
import type { CheckedGraph } from '../pipeline/check.js';
import { type Diagnostic, formatDiagnostic } from '../pipeline/click/diagnostics.js';
import type { Spec } from '../pipeline/spec.js';
import { Failure } from './failure.js';

/** Why each of several workers cannot have an element with this configuration; undefined if it can. */
function against({ workers }: Spec, config: unknown): string | undefined {
  if (workers === 'each') return undefined;
  return workers === undefined ? 'it is made for one worker' : workers(config as never);
}

/**
 * Sees that a graph can be run by several workers, each with its share of the addresses inside.
 * @throws {Failure} that names every element with which it cannot
 */
export function requireSpread({ flat, configs }: CheckedGraph, workers: number): void {
  const wrong: Diagnostic[] = flat.elements.flatMap(({ class: name, position }, i) => {
    const why = against(elements.get(name)!.spec, configs[i]);
    const message = `${name} cannot be spread over ${workers} workers: ${why}`;
    return why === undefined ? [] : [{ position, severity: 'error' as const, message }];
  });
  if (wrong.length > 0) throw new Failure(wrong.map(formatDiagnostic).join('\n'));
}

/** Makes what the elements of all workers have in common, by name. */
export function commonOf({ flat, configs }: CheckedGraph, seed: bigint): ReadonlyMap<string, unknown> {
  return new Map(
    flat.elements.flatMap(({ class: className, name }, i) => {
      const made = elements.get(className)?.common?.(configs[i] as never, name, seed);
      return made === undefined ? [] : [[name, made] as const];
    }),
  );
}
