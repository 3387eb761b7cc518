import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import { anyPorts, type Spec } from '../pipeline/spec.js';

const spec = {
  summary: 'gives nothing and drops what it gets',
  inputs: anyPorts('packets nobody needs'),
  outputs: anyPorts('nothing, ever'),
  config: {},
  drops: { discarded: 'the graph leads here' },
  workers: 'each',
} as const satisfies Spec;

/**
 * Something to connect to a port that must be connected but has no use in this graph.
 *
 * @example
 *   Idle -> Counter -> Idle;
 */
export class Idle extends Element<typeof spec> {
  static readonly spec = spec;

  override push(batch: Batch): void {
    this.drops.discarded.addAll(batch);
  }
}
