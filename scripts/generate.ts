/**
 * Writes the files that are made from facts stated elsewhere. They are committed; `npm test` fails when they drift.
 *
 *   npm run generate              write them
 *   npm run generate -- --check   exit 1 if one differs
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { columnsHeader } from './generate/columns.js';
import { elementClasses, elementsIndex } from './generate/elements.js';
import { pictures } from './generate/pictures.js';
import { REFERENCE, referencePages } from './generate/reference.js';

const classes = await elementClasses();
const files: [path: string, text: string][] = [
  ['native/columns.h', columnsHeader()],
  ['src/elements/index.ts', elementsIndex()],
  ...referencePages(classes),
  ...(await pictures(classes)),
];

const check = process.argv.includes('--check');
let drifted = 0;
for (const [path, text] of files) {
  let current = '';
  try {
    current = readFileSync(path, 'utf8');
  } catch {
    // Not there yet: it is written, or reported as drifted.
  }
  if (current === text) continue;
  drifted++;
  if (check) console.error(`${path} is not what \`npm run generate\` writes`);
  else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
// The page of an element that is no more.
for (const name of readdirSync(REFERENCE)) {
  const path = `${REFERENCE}/${name}`;
  if (files.some(([each]) => each === path)) continue;
  drifted++;
  if (check) console.error(`${path} describes no element`);
  else rmSync(path);
}
process.exitCode = check && drifted > 0 ? 1 : 0;
