import type { Vocabulary, Words } from '../../packet/pattern/pattern.js';
import { always, join, type Node, not, test } from '../../packet/pattern/syntax.js';
import { suggestion } from '../../pipeline/click/suggest.js';
import { readNamePattern } from '../names.js';
import { FACT, WAY } from './facts.js';
import { quoted } from './quoted.js';
import type { SetKind, Sets } from './sets.js';

const fact = (name: keyof typeof FACT, op: 'is' | 'above', value: number): Node =>
  test({ of: 'fact', number: FACT[name] }, op, value);

/** Words that stand alone, and what they ask. */
const ALONE: Readonly<Record<string, () => Node>> = {
  all: () => always(true),
  any: () => always(true),
  none: () => always(false),
  reply: () => fact('way', 'is', WAY.reply),
  begun: () => fact('way', 'is', WAY.begun),
  originator: () => fact('toOriginator', 'is', 1),
  contacted: () => fact('contacted', 'is', 1),
  reflected: () => fact('contacted', 'is', 0),
  inward: () => fact('toClone', 'is', 1),
  outward: () => fact('toClone', 'is', 0),
};

/** The longest payload that a rule may ask for. */
const PAYLOAD = 64;

const TIME: Readonly<Record<string, number>> = { '': 1, s: 1, sec: 1, m: 60, min: 60, h: 3600, hr: 3600, d: 86_400 };

/** Words of a match beside those of IPFilter, for suggestions. */
export const POLICY_WORDS = [...Object.keys(ALONE), 'depth', 'age', 'image', 'name', 'payload', 'set', 'ports'];

/** What a match may ask beside IPFilter's patterns. It notes the images and names that are asked for. */
export class PolicyWords implements Vocabulary {
  private readonly sets: Sets;
  private readonly imageNumber: (name: string) => number;
  private readonly nameNumber: (pattern: string) => number;

  constructor(sets: Sets, imageNumber: (name: string) => number, nameNumber: (pattern: string) => number) {
    this.sets = sets;
    this.imageNumber = imageNumber;
    this.nameNumber = nameNumber;
  }

  fact(words: Words): Node | undefined {
    const word = words.word();
    const alone = Object.hasOwn(ALONE, word) ? ALONE[word] : undefined;
    if (alone) {
      words.take();
      return alone();
    }
    switch (word) {
      case 'depth':
        return this.number(
          words,
          'depth',
          (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
          'a depth such as 2',
        );
      case 'age':
        return this.number(words, 'age', readTime, 'a time such as 90s or 10min');
      case 'image':
        return this.image(words);
      case 'name':
        return this.name(words);
      case 'payload':
        return this.payload(words);
      default:
        return undefined;
    }
  }

  members(kind: SetKind, words: Words) {
    const name = words.word();
    const members = this.sets.get(kind, name);
    const near = suggestion(name, this.sets.names(kind));
    return (
      members ??
      words.fail(`expected the name of ${kind === 'set' ? 'a set' : 'ports'} defined above, not '${name}'${near}`)
    );
  }

  /** `depth > 2`, `age >= 10min`. */
  private number(words: Words, name: 'depth' | 'age', read: (text: string) => number | undefined, what: string): Node {
    words.take();
    const op = words.word();
    if (!/^(?:[<>]=?|==?|!=)$/.test(op)) words.fail(`expected a comparison such as '>' after '${name}', not '${op}'`);
    words.take();
    const value = read(words.word()) ?? words.fail(`expected ${what}, not '${words.word()}'`);
    words.take();
    const above = (least: number) => (least < 0 ? not(fact(name, 'above', 0xffffffff)) : fact(name, 'above', least));
    if (op === '>') return above(value);
    if (op === '>=') return above(value - 1);
    if (op === '<') return not(above(value - 1));
    if (op === '<=') return not(above(value));
    const equal = fact(name, 'is', value);
    return op === '!=' ? not(equal) : equal;
  }

  private image(words: Words): Node {
    words.take();
    const name = words.word();
    if (!/^[A-Za-z0-9_.-]+$/.test(name)) words.fail(`expected the name of an image, not '${name}'`);
    words.take();
    return fact('image', 'is', this.imageNumber(name));
  }

  /** A name that a clone of the universe has looked up: `name "*.example.com"`. */
  private name(words: Words): Node {
    words.take();
    const text = words.word();
    const pattern = readNamePattern(quoted(text)?.toString('latin1') ?? '');
    if (pattern === undefined)
      return words.fail(`expected a name in quotes, such as "www.example.com" or "*.example.com", not '${text}'`);
    words.take();
    return test({ of: 'fact', number: FACT.names }, 'is', 1, { shift: this.nameNumber(pattern), mask: 1 });
  }

  /** The first bytes of what a flow carries: a string, or hexadecimal. */
  private payload(words: Words): Node {
    words.take();
    const text = words.word();
    const bytes = /^0x(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text.slice(2), 'hex') : quoted(text);
    if (!bytes || bytes.length === 0)
      return words.fail(`expected a string in quotes, or bytes such as 0x474554, not '${text}'`);
    if (bytes.length > PAYLOAD) return words.fail(`expected at most ${PAYLOAD} bytes, not ${bytes.length}`);
    words.take();
    // A later fragment has no beginning of anything.
    const tests: Node[] = [not(test({ of: 'fragment' }, 'above', 1))];
    for (let offset = 0; offset < bytes.length; offset += 4) {
      const width = Math.min(4, bytes.length - offset);
      tests.push(test({ of: 'payload', offset, width }, 'is', bytes.readUIntBE(offset, width)));
    }
    return join('and', tests);
  }
}

/** A whole number of seconds. */
function readTime(text: string): number | undefined {
  const match = /^(\d{1,9})([a-z]*)$/.exec(text);
  const unit = match && Object.hasOwn(TIME, match[2]!) ? TIME[match[2]!] : undefined;
  const seconds = Number(match?.[1]) * (unit ?? Number.NaN);
  return seconds < 2 ** 32 ? seconds : undefined;
}
