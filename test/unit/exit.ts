import type { Batch } from '../../src/packet/batch.js';
import { Element } from '../../src/pipeline/element.js';
import type { Spec } from '../../src/pipeline/spec.js';

export const exitSpec = {
  summary: 'is a way out',
  inputs: { in: '' },
  outputs: {},
  config: {},
  drops: { lost: '' },
  containment: { role: 'exit' },
} as const satisfies Spec;

/** Counts what leaves. */
export class Exit extends Element<typeof exitSpec> {
  static readonly spec = exitSpec;

  override push(batch: Batch): void {
    this.sent += batch.count;
  }
}
