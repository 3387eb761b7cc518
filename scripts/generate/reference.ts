import { manual } from '../../src/cli/manual.js';
import { reference, referenceIndex } from '../../src/cli/reference.js';
import type { ElementClass } from '../../src/pipeline/element.js';
import { elementNames } from './elements.js';

export const REFERENCE = 'docs/reference';

/** docs/reference: a page an element, and their list. The classes are loaded by file, as the index may be out of date. */
export async function referencePages(): Promise<[path: string, text: string][]> {
  const classes = await Promise.all(
    elementNames().map(async (name) => {
      const module = (await import(`../../src/elements/${name}.js`)) as Record<string, ElementClass>;
      return module[name]!;
    }),
  );
  return [
    [`${REFERENCE}/README.md`, referenceIndex(classes)],
    ...classes.map((each): [string, string] => [`${REFERENCE}/${each.name}.md`, reference(each, manual(each.name))]),
  ];
}
