import type { Budget } from './budget.js';
import { quote } from './quote.js';
import { positionAt, type Text, TextBuilder } from './text.js';
import { skipComment, splitWord } from './words.js';

/** The variables one scope defines; what it does not define may be in a scope around it. */
export interface Environment {
  depth: number;
  parent: Environment | undefined;
  values: Map<string, string>;
}

/** Values may mention variables, whose values may mention variables, and so on. */
const MAX_DEPTH = 10;

/**
 * Replaces `$x`, `${x}`, `${x-default}` and `${x[2]}`, the third word of `x`'s value. Single quotes and comments are left
 * alone; inside double quotes a value is quoted to fit; an unknown variable stays as it is.
 */
export function expand(text: Text, environment: Environment, budget: Budget): Text {
  if (!text.text.includes('$')) return text;
  const builder = new TextBuilder(positionAt(text, 0));
  scan(text.text, environment, budget, 0, {
    keep: (from, to) => builder.addSlice(text, from, to),
    replace: (at, value) => builder.addSubstitute(value, positionAt(text, at)),
  });
  return builder.build();
}

/** The same for text whose places do not matter. */
export function expandString(text: string, environment: Environment, budget: Budget, depth = 0): string {
  if (depth > MAX_DEPTH || !text.includes('$')) return text;
  const parts: string[] = [];
  scan(text, environment, budget, depth, {
    keep: (from, to) => parts.push(text.slice(from, to)),
    replace: (_, value) => parts.push(value),
  });
  return parts.join('');
}

interface Output {
  keep(from: number, to: number): void;
  replace(at: number, value: string): void;
}

function scan(text: string, environment: Environment, budget: Budget, depth: number, output: Output): void {
  let kept = 0;
  let quoted = '';
  for (let i = 0; i < text.length; ) {
    const c = text[i]!;
    const afterComment = quoted === '' ? skipComment(text, i) : i;
    const variable = c === '$' && quoted !== "'";
    if (variable && text[i + 1] === '{' && text.indexOf('}', i) < 0) break;
    const reference = variable ? referenceAt(text, i) : undefined;
    if (afterComment > i) i = afterComment;
    else if (reference) {
      const value = resolve(reference, environment, budget, depth);
      if (value !== undefined) {
        output.keep(kept, i);
        output.replace(i, quoted === '"' ? quote(value).slice(1, -1) : value);
        kept = reference.end;
      }
      i = reference.end;
    } else {
      if (c === '\\' && quoted === '"') i++;
      else if (quoted === '' && (c === '"' || c === "'")) quoted = c;
      else if (quoted === c) quoted = '';
      i++;
    }
  }
  output.keep(kept, text.length);
}

interface Reference {
  name: string;
  braces: boolean;
  end: number;
}

/** The variable reference at the `$` at `i`. Braces do end. */
function referenceAt(text: string, i: number): Reference | undefined {
  if (text[i + 1] === '{') {
    const end = text.indexOf('}', i + 2);
    return { name: text.slice(i + 2, end), braces: true, end: end + 1 };
  }
  const plain = /[A-Za-z0-9_]+|[?#$]/y;
  plain.lastIndex = i + 1;
  const name = plain.exec(text)?.[0];
  return name === undefined ? undefined : { name, braces: false, end: i + 1 + name.length };
}

/** In braces: a name, maybe the number of a word in brackets, maybe a default after a minus. */
const BRACES = /^\s*([A-Za-z0-9_]*)\s*(?:\[\s*(\d+)\]\s*)?(-.*)?/s;

function resolve(reference: Reference, environment: Environment, budget: Budget, depth: number): string | undefined {
  if (!reference.braces) {
    const value = lookUp(reference.name, environment);
    return value === undefined ? undefined : spend(value, environment, budget, depth);
  }
  const inner = expandString(reference.name, environment, budget, depth + 1);
  const [, name = '', index, fallback] = BRACES.exec(inner)!;
  const value = lookUp(name, environment);
  if (value === undefined)
    return fallback === undefined ? undefined : spend(fallback.slice(1), environment, budget, depth);
  const expanded = spend(value, environment, budget, depth);
  return index === undefined || expanded === undefined ? expanded : wordAt(expanded, Number(index));
}

function spend(value: string, environment: Environment, budget: Budget, depth: number): string | undefined {
  if (!budget.spendCharacters(value.length + 1)) return undefined;
  return expandString(value, environment, budget, depth + 1);
}

function lookUp(name: string, environment: Environment): string | undefined {
  for (let scope: Environment | undefined = environment; scope; scope = scope.parent) {
    const value = scope.values.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

function wordAt(text: string, index: number): string {
  let { word, rest } = splitWord(text);
  for (; index > 0 && word !== ''; index--) ({ word, rest } = splitWord(rest));
  return word;
}
