import { parsePrefix, prefixMask } from '../../packet/address.js';
import { PORTS, PROTOCOLS } from '../../packet/pattern/names.js';
import type { Range } from '../../packet/pattern/pattern.js';
import type { Ranges } from '../../packet/pattern/ranges.js';
import { PROTOCOL } from '../../packet/protocol.js';
import { suggestion } from '../../pipeline/click/suggest.js';
import { boxesOf, type Ceiling, type CeilingBox, type CeilingEntry, namesMail } from './ceiling.js';
import type { SetKind, Sets } from './sets.js';
import { type Statement, StatementError, type Word } from './text.js';

/** Boxes that a ceiling may have. */
const BOXES = 4096;

const ALLOWED =
  "'reply', 'tcp', 'udp', 'icmp', 'proto NUMBER', 'dst host ADDRESS', 'dst net PREFIX', 'dst set NAME', 'dst port PORT' " +
  "or 'dst ports NAME', joined by 'and'";

const SIMPLE = ['reply', 'tcp', 'udp', 'icmp', 'proto', 'dst'];
const ENDS = ['host', 'net', 'set', 'port', 'ports'];

/**
 * Reads the block that says what may ever leave: one entry a line, or with `;` between them. An entry has only words that make
 * it a product of ranges, so that a person, a proof and the kernel's filter can all hold to it.
 */
export class CeilingBlock {
  readonly place: string;
  /** Whether its last brace was read. */
  closed = false;
  private readonly sets: Sets;
  private readonly boxes: CeilingBox[] = [];
  private readonly entries: string[] = [];
  private mail = false;

  constructor(sets: Sets, place: string) {
    this.sets = sets;
    this.place = place;
  }

  get ceiling(): Ceiling {
    const { boxes, mail, entries, place } = this;
    return { boxes, mail, entries, place };
  }

  /** Reads on, from an offset in a statement. @returns all that is wrong in it */
  read(statement: Statement, from: number): StatementError[] {
    const problems: StatementError[] = [];
    const attempt = (read: () => void) => {
      try {
        read();
      } catch (error) {
        if (!(error instanceof StatementError)) throw error;
        problems.push(error);
      }
    };
    const words = [...statement.text.slice(from).matchAll(/[;{}]|[^\s;{}]+/g)];
    let entry: Word[] = [];
    for (const { 0: text, index } of [...words, { 0: '', index: statement.text.length - from }]) {
      const word = { text, offset: from + index };
      if (this.closed) {
        if (text !== '') attempt(() => fail(word, `expected nothing after the '}' of a ceiling, not '${text}'`));
        break;
      }
      if (text !== '' && text !== ';' && text !== '}') {
        entry.push(word);
        continue;
      }
      if (entry.length > 0) attempt(() => this.entry(new EntryReader(entry, word, this.sets), entry));
      entry = [];
      this.closed = text === '}';
    }
    return problems;
  }

  private entry(reader: EntryReader, words: readonly Word[]): void {
    const entry = reader.read();
    const boxes = boxesOf(entry);
    if (this.boxes.length + boxes.length > BOXES)
      fail(words[0]!, `a ceiling has at most ${BOXES} ranges of protocols, addresses and ports`);
    for (const box of boxes) this.boxes.push(box);
    this.entries.push(words.map(({ text }) => text).join(' '));
    this.mail ||= namesMail(entry);
  }
}

function fail(word: Word, message: string): never {
  throw new StatementError(word.offset, message);
}

/** Reads one entry. */
class EntryReader {
  private readonly words: readonly Word[];
  private readonly end: Word;
  private readonly sets: Sets;
  private at = 0;

  /** @param end what comes after the words */
  constructor(words: readonly Word[], end: Word, sets: Sets) {
    this.words = words;
    this.end = end;
    this.sets = sets;
  }

  private get word(): Word {
    return this.words[this.at] ?? this.end;
  }

  private unexpected(expected: string, names: Iterable<string> = []): never {
    const { text } = this.word;
    const came = this.at < this.words.length ? `not '${text}'${suggestion(text, names)}` : 'not the end of the entry';
    return fail(this.word, `expected ${expected}, ${came}`);
  }

  read(): CeilingEntry {
    let replyOnly = false;
    const found: { proto?: Ranges; dst?: Ranges; dport?: Ranges } = {};
    let ports: Word | undefined;
    for (;;) {
      const word = this.word;
      const [what, ranges] = this.term();
      if (what === 'reply' ? replyOnly : found[what] !== undefined) fail(word, 'an entry says this once');
      if (what === 'reply') replyOnly = true;
      else found[what] = ranges;
      if (what === 'dport') ports = word;
      if (this.at === this.words.length) break;
      if (this.word.text !== 'and') this.unexpected("'and', or an entry in a line of its own");
      this.at++;
    }
    if (ports) found.proto = this.withPorts(found.proto, ports);
    return { replyOnly, ...found };
  }

  /** Ports are those of TCP and UDP. */
  private withPorts(proto: Ranges | undefined, word: Word): Ranges {
    const ported: Range[] = [PROTOCOL.tcp, PROTOCOL.udp].map((number) => [number, number]);
    if (!proto) return ported;
    const number = proto[0]![0];
    if (number !== PROTOCOL.tcp && number !== PROTOCOL.udp) fail(word, 'this protocol has no ports');
    return proto;
  }

  private term(): ['reply', undefined] | ['proto' | 'dst' | 'dport', Ranges] {
    const { text } = this.word;
    switch (text) {
      case 'reply':
        this.at++;
        return ['reply', undefined];
      case 'tcp':
      case 'udp':
      case 'icmp':
        this.at++;
        return ['proto', [[PROTOCOL[text], PROTOCOL[text]]]];
      case 'proto':
        this.at++;
        return ['proto', this.protocol()];
      case 'dst':
        this.at++;
        return this.destination();
      default:
        return this.unexpected(ALLOWED, SIMPLE);
    }
  }

  private protocol(): Ranges {
    const { text } = this.word;
    const number = PROTOCOLS.get(text) ?? (/^\d{1,3}$/.test(text) ? Number(text) : 256);
    if (number > 255) this.unexpected('a protocol, or its number up to 255');
    this.at++;
    return [[number, number]];
  }

  private destination(): ['dst' | 'dport', Ranges] {
    const { text } = this.word;
    if (!ENDS.includes(text)) this.unexpected("'host', 'net', 'set', 'port' or 'ports' after 'dst'", ENDS);
    this.at++;
    if (text === 'set' || text === 'ports') return [text === 'set' ? 'dst' : 'dport', this.named(text)];
    return text === 'port' ? ['dport', this.port()] : ['dst', this.addresses(text === 'host')];
  }

  private named(kind: SetKind): Ranges {
    const { text } = this.word;
    const names = this.sets.names(kind);
    const ranges = this.sets.get(kind, text);
    if (!ranges) this.unexpected(`the name of ${kind === 'set' ? 'a set' : 'ports'} defined above`, names);
    this.at++;
    return ranges!;
  }

  private port(): Ranges {
    const { text } = this.word;
    const number = PORTS.get(text) ?? (/^\d{1,5}$/.test(text) ? Number(text) : 65_536);
    if (number > 65_535) this.unexpected('a port, or the name of a service', PORTS.keys());
    this.at++;
    return [[number, number]];
  }

  private addresses(host: boolean): Ranges {
    const prefix = parsePrefix(this.word.text);
    if (!prefix || (host && prefix.length < 32))
      return this.unexpected(host ? 'an address' : 'a prefix such as 198.51.100.0/24');
    this.at++;
    return [[prefix.address, (prefix.address | ~prefixMask(prefix.length)) >>> 0]];
  }
}
