import { parseAddress } from '../../packet/address.js';
import { readNamePattern } from '../names.js';
import { Line, Mistake } from '../words.js';
import { type Answer, encodeAddress, encodeName, TYPE } from './dns-message.js';

/** Seconds for which a record holds unless its line says otherwise, and at most. */
export const TTL = 300;
const LONGEST_TTL = 86_400;
const RECORDS = 100_000;

const TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'TXT'] as const;

/** Everything that is wrong with a zone: lines of `file:line:column: message`. */
export class ZoneError extends Error {}

/**
 * What the DNS sink knows: a line a record.
 *
 *     # name            type   value                [ttl SECONDS]
 *     www.example.com   A      198.51.100.7
 *     *.example.com     A      198.51.100.8         ttl 60
 *     example.com       MX     10 mail.example.com
 *     example.com       TXT    "v=spf1 -all"
 *
 * The name itself comes before patterns, and of these the longest counts.
 */
export class Zone {
  private readonly names = new Map<string, Answer[]>();

  /** @throws {ZoneError} that lists everything that is wrong. */
  constructor(text: string, file: string) {
    const problems: string[] = [];
    let records = 0;
    for (const [index, content] of text.split(/\r?\n/).entries()) {
      try {
        const line = new Line(content);
        if (line.done) continue;
        if (++records > RECORDS) throw new Mistake(1, `more than ${RECORDS} records`);
        this.read(line);
      } catch (error) {
        if (!(error instanceof Mistake)) throw error;
        problems.push(`${file}:${index + 1}:${error.column}: ${error.message}`);
      }
    }
    if (problems.length > 0) throw new ZoneError(problems.join('\n'));
  }

  /** All records of a name; undefined if the zone does not know it. */
  find(name: string): readonly Answer[] | undefined {
    const exact = this.names.get(name);
    if (exact) return exact;
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const found = this.names.get(`*${name.slice(dot)}`);
      if (found) return found;
    }
    return this.names.get('*');
  }

  private read(line: Line): void {
    const { column } = line;
    const word = line.word('a name such as www.example.com or *.example.com');
    const name = readNamePattern(word);
    if (name === undefined) throw new Mistake(column, `expected a name such as www.example.com, not '${word}'`);
    const type = line.choice(TYPES, 'type');
    const data = this.data(type, line);
    const ttl = line.skip('ttl') ? line.number('seconds', 0, LONGEST_TTL) : TTL;
    if (!line.done) throw new Mistake(line.column, 'expected nothing, or ttl SECONDS, after the value');
    const list = this.names.get(name) ?? [];
    this.names.set(name, list);
    if (type === 'CNAME' && list.length > 0) throw new Mistake(column, `'${name}' has other records than its CNAME`);
    if (list.some((other) => other.type === TYPE.CNAME)) throw new Mistake(column, `'${name}' is a CNAME already`);
    list.push({ type: TYPE[type], ttl, data });
  }

  private data(type: (typeof TYPES)[number], line: Line): Uint8Array {
    const { column } = line;
    switch (type) {
      case 'A': {
        const word = line.word('an IPv4 address');
        const address = parseAddress(word);
        if (address === undefined) throw new Mistake(column, `expected an IPv4 address, not '${word}'`);
        return encodeAddress(address);
      }
      case 'AAAA': {
        const word = line.word('an IPv6 address');
        const bytes = parseAddress6(word);
        if (!bytes) throw new Mistake(column, `expected an IPv6 address, not '${word}'`);
        return bytes;
      }
      case 'TXT': {
        const text = line.text('a text', 255);
        return Buffer.concat([Uint8Array.of(text.length), Buffer.from(text, 'latin1')]);
      }
      case 'MX': {
        const preference = Buffer.alloc(2);
        preference.writeUInt16BE(line.number('a preference', 0, 65535));
        return Buffer.concat([preference, this.target(line)]);
      }
      default:
        return this.target(line);
    }
  }

  private target(line: Line): Uint8Array {
    const { column } = line;
    const word = line.word('a name');
    const bytes = readNamePattern(word)?.startsWith('*') === false ? encodeName(word.toLowerCase()) : undefined;
    if (!bytes) throw new Mistake(column, `expected a name, not '${word}'`);
    return bytes;
  }
}

/** The 16 bytes of an IPv6 address (RFC 4291 2.2), without an IPv4 address in it. */
function parseAddress6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const given = head!.length + (tail?.length ?? 0);
  if (tail ? given > 7 : given !== 8) return undefined;
  const groups = [...head!, ...Array.from({ length: 8 - given }, () => '0'), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const bytes = Buffer.alloc(16);
  for (const [i, group] of groups.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i);
  return bytes;
}
