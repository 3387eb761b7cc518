import { readFileSync } from 'node:fs';

/** What an element's author has written about it, beyond the facts in its spec. */
export interface Manual {
  /** Paragraphs, one a string. */
  readonly prose: readonly string[];
  /** Graphs, or parts of graphs. */
  readonly examples: readonly string[];
}

/** Takes the indentation that all lines have in common from them. */
function dedent(lines: readonly string[]): string {
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length);
  const indent = Math.min(...indents);
  return lines
    .map((line) => line.slice(indent).trimEnd())
    .join('\n')
    .replace(/^\n+|\n+$/g, '');
}

/** Joins the lines of each paragraph; lists and indented blocks stay as they are. */
function paragraphs(lines: readonly string[]): string[] {
  const blocks = dedent(lines).split(/\n{2,}/);
  return blocks
    .filter((block) => block !== '')
    .map((block) => (/^(\s|[-*|] |\d+\. )/m.test(block) ? block : block.replaceAll('\n', ' ')));
}

/** Reads the doc comment of a class out of the text of its file. */
export function parseManual(source: string, className: string): Manual {
  const at = source.search(new RegExp(`^export class ${className}\\b`, 'm'));
  const before = at < 0 ? '' : source.slice(0, at).trimEnd();
  const comment = before.endsWith('*/') ? before.slice(before.lastIndexOf('/**') + 3, -2) : '';
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, ''));
  const sections: { tag: string; lines: string[] }[] = [{ tag: '', lines: [] }];
  for (const line of lines) {
    const tag = /^@(\w+)\s*(.*)$/.exec(line);
    if (tag) sections.push({ tag: tag[1]!, lines: tag[2] === '' ? [] : [tag[2]!] });
    else sections.at(-1)!.lines.push(line);
  }
  return {
    prose: paragraphs(sections[0]!.lines),
    examples: sections.filter(({ tag }) => tag === 'example').map((section) => dedent(section.lines)),
  };
}

/** The manual of an element class. The compiler leaves comments in what it writes, so the text is always that of the code. */
export function manual(className: string): Manual {
  return parseManual(readFileSync(new URL(`../elements/${className}.js`, import.meta.url), 'utf8'), className);
}
