import { manual } from '../../src/cli/manual.js';
import { reference, referenceIndex } from '../../src/cli/reference.js';
import type { ElementClass } from '../../src/pipeline/element.js';

export const REFERENCE = 'docs/reference';

/** docs/reference: a page an element, and their list. */
export function referencePages(classes: readonly ElementClass[]): [path: string, text: string][] {
  return [
    [`${REFERENCE}/README.md`, referenceIndex(classes)],
    ...classes.map((each): [string, string] => [`${REFERENCE}/${each.name}.md`, reference(each, manual(each.name))]),
  ];
}
