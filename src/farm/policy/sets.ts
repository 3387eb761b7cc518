import { parsePrefix, prefixMask } from '../../packet/address.js';
import { PORTS } from '../../packet/pattern/names.js';
import type { Range } from '../../packet/pattern/pattern.js';
import { tidy } from '../../packet/pattern/ranges.js';
import { suggestion } from '../../pipeline/click/suggest.js';
import { type Statement, StatementError, type Word, wordsOf } from './text.js';

export type SetKind = 'set' | 'ports';

/** Entries that all sets of a policy may have together. */
const ENTRIES = 65_536;

/** The named sets of a policy. */
export class Sets {
  private readonly named = { set: new Map<string, readonly Range[]>(), ports: new Map<string, readonly Range[]>() };
  private entries = 0;

  get(kind: SetKind, name: string): readonly Range[] | undefined {
    return this.named[kind].get(name);
  }

  names(kind: SetKind): Iterable<string> {
    return this.named[kind].keys();
  }

  get size(): number {
    return this.named.set.size + this.named.ports.size;
  }

  /** Reads `set NAME = …` or `ports NAME = …`. @throws {StatementError} */
  define(statement: Statement): void {
    const [head, kind, name] = /^\s*(set|ports)\s+(\S+)\s*=\s*/.exec(statement.text)!;
    const all = this.named[kind as SetKind];
    const at = statement.text.indexOf(name!, statement.text.indexOf(kind!) + kind!.length);
    if (!/^[A-Za-z_][\w-]*$/.test(name!))
      throw new StatementError(at, `expected a name of letters, digits, - and _, not '${name}'`);
    if (all.has(name!)) throw new StatementError(at, `${kind} ${name} is defined twice`);
    const words = wordsOf(statement, head.length);
    if (words.length === 0) throw new StatementError(statement.text.length, `expected ${EXPECTED[kind as SetKind]}`);
    const ranges: Range[] = [];
    for (const [i, word] of words.entries()) {
      if (i % 2 === 1) {
        if (word.text !== ',') throw new StatementError(word.offset, `expected a comma, not '${word.text}'`);
      } else ranges.push(...this.member(kind as SetKind, word));
    }
    if (words.length % 2 === 0)
      throw new StatementError(words.at(-1)!.offset, `expected ${EXPECTED[kind as SetKind]} after the comma`);
    this.entries += ranges.length;
    if (this.entries > ENTRIES) throw new StatementError(at, `the sets of a policy have at most ${ENTRIES} entries`);
    all.set(name!, tidy(ranges));
  }

  private member(kind: SetKind, { text, offset }: Word): readonly Range[] {
    const found = this.get(kind, text) ?? (kind === 'set' ? addresses(text) : ports(text));
    if (found) return found;
    const names = kind === 'ports' ? [...this.names(kind), ...PORTS.keys()] : this.names(kind);
    throw new StatementError(offset, `expected ${EXPECTED[kind]}, not '${text}'${suggestion(text, names)}`);
  }
}

const EXPECTED: Readonly<Record<SetKind, string>> = {
  set: 'an address, a prefix such as 198.51.100.0/24, or the name of a set',
  ports: 'a port, a range such as 8000-8100, or the name of a service or of other ports',
};

function addresses(text: string): readonly Range[] | undefined {
  const prefix = parsePrefix(text);
  return prefix && [[prefix.address, (prefix.address | ~prefixMask(prefix.length)) >>> 0]];
}

function ports(text: string): readonly Range[] | undefined {
  const named = PORTS.get(text);
  if (named !== undefined) return [[named, named]];
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  return first <= last && last <= 0xffff ? [[first, last]] : undefined;
}
