import { readFileSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { formatAddress, parseAddress } from '../packet/address.js';
import { quote, unquote } from './click/quote.js';

/** Where a value stands, for the kinds of values whose meaning depends on it. */
export interface ValueContext {
  /** Folder of the graph file: maps and policies are looked up from there. */
  readonly folder: string;
}

/**
 * One configuration key of an element: how its text is read, and its manual.
 * In a graph it is written in upper case: `targets` is TARGETS.
 */
export interface Key<T> {
  /** What a user may write, in a word or two: "time", "IPv4 address". */
  readonly type: string;
  readonly doc: string;
  /** The value when it is not given; keys that lack this property are mandatory. */
  readonly fallback?: T;
  /** What the fallback means depends on where the graph is. */
  readonly relative?: true;
  /** May be given without its name, in the order of the keys that may. */
  readonly positional?: true;
  /** Takes all positional arguments. */
  readonly rest?: true;
  /** @throws {ValueError} when the text is not such a value. */
  parse(text: string, context: ValueContext): T;
  /** The text that parse() would read as this value. */
  format(value: T): string;
}

/** A value that does not fit its key. The message says what was expected; the caller adds where and what came. */
export class ValueError extends Error {
  /** Where in the text the error is. Such a message is complete: the text itself is not shown with it. */
  readonly offset: number | undefined;

  constructor(message: string, offset?: number) {
    super(message);
    this.offset = offset;
  }
}

function key<T>(
  type: string,
  doc: string,
  fallback: T | undefined,
  parse: (text: string, context: ValueContext) => T,
  format: (value: T) => string = String,
): Key<T> {
  const base = { type, doc, parse, format };
  return fallback === undefined ? base : { ...base, fallback };
}

/** The key may be given by position. */
export function positional<T>(of: Key<T>): Key<T> {
  return { ...of, positional: true };
}

/** All positional arguments, each read as `of`. */
export function rest<T>(of: Key<T>): Key<readonly T[]> {
  return {
    type: `${of.type}, …`,
    doc: of.doc,
    rest: true,
    fallback: [],
    parse: (text, context) => [of.parse(text, context)],
    format: (values) => values.map(of.format).join(', '),
  };
}

const SCALE: Record<string, number> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };
const BYTES: Record<string, number> = { '': 1, k: 2 ** 10, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const TIME: Record<string, number> = {
  '': 1,
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  sec: 1,
  m: 60,
  min: 60,
  h: 3600,
  hr: 3600,
  d: 86400,
};

function scaled(text: string, units: Record<string, number>): number | undefined {
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-zA-Z]*)$/.exec(text);
  if (!match) return undefined;
  const unit = units[match[2]!];
  return unit === undefined ? undefined : Number(match[1]) * unit;
}

function formatTime(seconds: number): string {
  if (seconds === 0) return '0s';
  const [unit, size] = seconds < 1e-3 ? ['us', 1e-6] : seconds < 1 ? ['ms', 1e-3] : ['s', 1];
  return `${Number((seconds / size).toPrecision(12))}${unit}`;
}

function formatBytes(bytes: number): string {
  for (const unit of ['T', 'G', 'M', 'k']) {
    if (bytes >= BYTES[unit]! && bytes % BYTES[unit]! === 0) return `${bytes / BYTES[unit]!}${unit}`;
  }
  return String(bytes);
}

/** A whole number, `min` (default 0) or more; 10k and 2M are understood. */
export function count(fallback: number | undefined, doc: string, { min = 0, max = 2 ** 32 - 1 } = {}): Key<number> {
  return key('count', doc, fallback, (text) => {
    const value = scaled(text, SCALE) ?? (/^0x[0-9a-f]+$/i.test(text) ? Number(text) : Number.NaN);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new ValueError(`expected a whole number from ${min} to ${max}`);
    }
    return value;
  });
}

/** A fraction from 0 to 1; `30%` is understood. */
export function fraction(fallback: number | undefined, doc: string): Key<number> {
  return key('fraction', doc, fallback, (text) => {
    const value = text.endsWith('%') ? Number(text.slice(0, -1) || Number.NaN) / 100 : Number(text || Number.NaN);
    if (!(value >= 0 && value <= 1)) throw new ValueError('expected a fraction from 0 to 1, such as 0.25 or 25%');
    return value;
  });
}

/** A time in seconds: 60s, 100ms, 5min, or a bare number of seconds. */
export function seconds(fallback: number | undefined, doc: string): Key<number> {
  return key(
    'time',
    doc,
    fallback,
    (text) => {
      const value = scaled(text, TIME);
      if (value === undefined) throw new ValueError('expected a time such as 60s, 100ms or 5min');
      return value;
    },
    formatTime,
  );
}

/** A size in bytes: 4096, 64k, 2G (powers of 1024). */
export function bytes(fallback: number | undefined, doc: string): Key<number> {
  return key(
    'size',
    doc,
    fallback,
    (text) => {
      const value = scaled(text, BYTES);
      if (value === undefined || !Number.isInteger(value))
        throw new ValueError('expected a size such as 4096, 64k or 2G');
      return value;
    },
    formatBytes,
  );
}

/** A rate per second: 1000, 10k, and for bytes 1.5M. */
export function rate(fallback: number | undefined, doc: string): Key<number> {
  return key('rate', doc, fallback, (text) => {
    const value = scaled(text.replace(/\/s$/, ''), SCALE);
    if (value === undefined) throw new ValueError('expected a number per second such as 1000 or 10k');
    return value;
  });
}

/** Bytes per second: 20000, 20kBps; bits with a small b: 384kbps. */
export function bandwidth(fallback: number | undefined, doc: string): Key<number> {
  return key('bandwidth', doc, fallback, (text) => {
    const [, amount, unit] = /^(.*?)\s*([Bb])?(?:ps|\/s)?$/.exec(text)!;
    const value = scaled(amount!, SCALE);
    if (value === undefined) throw new ValueError('expected bytes per second such as 20000, 20kBps or 384kbps');
    return unit === 'b' ? value / 8 : value;
  });
}

/** A number of things, or -1 for no limit, which is the value Infinity. */
export function limit(fallback: number | undefined, doc: string): Key<number> {
  return key(
    'count or -1',
    doc,
    fallback,
    (text) => {
      if (/^-\d+$/.test(text)) return Number.POSITIVE_INFINITY;
      const value = scaled(text, SCALE);
      if (value === undefined || !Number.isInteger(value))
        throw new ValueError('expected a whole number, or -1 for all');
      return value;
    },
    (value) => (value === Number.POSITIVE_INFINITY ? '-1' : String(value)),
  );
}

/** Bytes: a string, or hexadecimal as in `\<45000014>`. */
export function data(fallback: Uint8Array | undefined, doc: string, most: number): Key<Uint8Array> {
  return key(
    'bytes',
    doc,
    fallback,
    (text) => {
      const value = Buffer.from(unquote(text), 'latin1');
      if (value.length > most) throw new ValueError(`expected at most ${most} bytes`);
      return value;
    },
    (value) => `\\<${Buffer.from(value).toString('hex')}>`,
  );
}

export function boolean(fallback: boolean | undefined, doc: string): Key<boolean> {
  return key('true or false', doc, fallback, (text) => {
    if (/^(true|yes|1)$/i.test(text)) return true;
    if (/^(false|no|0)$/i.test(text)) return false;
    throw new ValueError('expected true or false');
  });
}

/** One of a few words, in any case. */
export function choice<const T extends string>(
  words: readonly T[],
  fallback: NoInfer<T> | undefined,
  doc: string,
): Key<T> {
  return key<T>(words.join(' | '), doc, fallback, (text) => {
    const word = words.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (word === undefined) throw new ValueError(`expected one of ${words.join(', ')}`);
    return word;
  });
}

/** An IPv4 address as a number in host byte order. */
export function address(fallback: number | undefined, doc: string): Key<number> {
  return key(
    'IPv4 address',
    doc,
    fallback,
    (text) => {
      const value = parseAddress(text);
      if (value === undefined) throw new ValueError('expected an IPv4 address such as 192.0.2.1');
      return value;
    },
    formatAddress,
  );
}

/** A text, with or without quotes. */
export function text(fallback: string | undefined, doc: string, type = 'text'): Key<string> {
  const plain = /^[\w./:@-]+$/;
  return key(type, doc, fallback, unquote, (value) => (plain.test(value) ? value : quote(value)));
}

/** A file of the user's, from the current folder; `-` is standard input or output. */
export function file(fallback: string | undefined, doc: string): Key<string> {
  return key('file', doc, fallback, (value) => {
    const name = unquote(value);
    if (name === '') throw new ValueError('expected a file name');
    return name;
  });
}

/** A file that belongs to the graph, from the graph's folder. */
export function configFile(fallback: string | undefined, doc: string): Key<string> {
  const made = key('file beside the graph', doc, fallback, (value, { folder }) => {
    if (value === '') throw new ValueError('expected a file name');
    return isAbsolute(value) ? value : resolve(folder, value);
  });
  return { ...made, relative: true };
}

/**
 * What a file that belongs to the graph says. It is read with the graph, so `check` finds what is wrong in it.
 * @param read makes the value of the file's text; what it throws is shown to the user.
 */
export function fileValue<T>(type: string, doc: string, { read }: { read(text: string, file: string): T }): Key<T> {
  return key<T>(type, doc, undefined, (value, { folder }) => {
    if (value === '') throw new ValueError('expected a file name');
    const file = isAbsolute(value) ? value : resolve(folder, value);
    let content: string;
    try {
      content = readFileSync(file, 'utf8');
    } catch (error) {
      throw new ValueError(`expected a file that can be read (${(error as Error).message})`);
    }
    try {
      const path = relative('.', file);
      return read(content, path.startsWith('..') ? file : path);
    } catch (error) {
      throw new ValueError(`this ${type} has errors:\n${(error as Error).message}`, 0);
    }
  });
}

/** A value of another kind, with its own reader. */
export function custom<T>(
  type: string,
  fallback: T | undefined,
  doc: string,
  parse: (text: string, context: ValueContext) => T,
  format?: (value: T) => string,
): Key<T> {
  return key(type, doc, fallback, parse, format);
}

/** The key may be left out; its value is then undefined. */
export function optional<T>(of: Key<T>): Key<T | undefined> {
  return { ...of, fallback: undefined, format: (value) => (value === undefined ? '' : of.format(value)) };
}
