import type { Batch } from '../packet/batch.js';
import { Element } from '../pipeline/element.js';
import type { Spec } from '../pipeline/spec.js';

const spec = {
  summary: 'drops every packet',
  inputs: { in: 'packets nobody needs' },
  outputs: {},
  config: {},
  drops: { discarded: 'the graph leads here' },
  workers: 'each',
} as const satisfies Spec;

/**
 * The end of a path. What arrives is counted as dropped, by design.
 *
 * @example
 *   FromDump(in.pcap) -> Discard;
 */
export class Discard extends Element<typeof spec> {
  static readonly spec = spec;

  override push(batch: Batch): void {
    this.drops.discarded.addAll(batch);
  }
}
