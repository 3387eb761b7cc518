import type { Batch } from '../../src/packet/batch.js';
import { Element } from '../../src/pipeline/element.js';
import type { Spec } from '../../src/pipeline/spec.js';

const spec = {
  summary: 'marks packets as taken by a clone, and passes them on',
  inputs: { in: 'packets' },
  outputs: { out: 'the same packets' },
  config: {},
  drops: {},
} as const satisfies Spec;

/**
 * The flow table keeps a flow only if somebody took its packets. In a graph without clones nobody does, and every packet
 * would find an empty table. This does what CloneFarm does about it, and no more.
 */
export class Take extends Element<typeof spec> {
  static readonly spec = spec;

  override push(batch: Batch, _input: number, bytes: number): void {
    const { clone } = this.packets;
    const { rows, count } = batch;
    for (let i = 0; i < count; i++) clone[rows[i]!] = 1;
    this.out.out.moveAll(batch, bytes);
  }
}
