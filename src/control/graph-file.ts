import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { elements } from '../elements/index.js';
import { type CheckedGraph, checkGraph, type Source } from '../pipeline/check.js';
import type { Diagnostic } from '../pipeline/click/diagnostics.js';
import { Failure } from './failure.js';

/** Reads a graph's text; `-` is standard input. */
export function readSource(file: string): Source {
  try {
    return { file, text: readFileSync(file === '-' ? 0 : file, 'utf8') };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Failure(`${file}: ${code === 'ENOENT' ? 'there is no such file' : message}`);
  }
}

/** A file that `require(library NAME)` names is looked up from the folder of the file that says so. */
function readLibrary(name: string, from: string): Source | undefined {
  const file = isAbsolute(name) ? name : resolve(dirname(from), name);
  try {
    return { file, text: readFileSync(file, 'utf8') };
  } catch {
    return undefined;
  }
}

/** Checks a graph against the elements that there are. */
export function checkSource(
  source: Source,
  defines: Readonly<Record<string, string>>,
): { graph?: CheckedGraph; diagnostics: Diagnostic[] } {
  return checkGraph(source, elements, { defines: { ...defines }, readLibrary });
}
