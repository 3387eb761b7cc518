import { type Prefix, parsePrefix } from '../packet/address.js';
import { LongestPrefix } from './longest-prefix.js';

/** A share of a prefix's addresses that are machines of one image. */
interface Share {
  readonly image: string;
  readonly weight: number;
}

/** The greatest weight of a share, and of all shares of a line together: they are added up in 31 bits. */
const WEIGHT = 1_000_000;
const TOTAL = 0x7fffffff;

/** A line: a prefix, and the number of its list of shares. */
interface Line extends Prefix {
  readonly list: number;
}

/** Something wrong in a map; the message begins with file:line:column. */
export class AddressMapError extends Error {}

/**
 * Which image plays which address: "132.239.4.8 is a Windows XP box with IIS 5". The longest prefix that holds an
 * address decides; where it names several images, an address always gets the same one of them.
 *
 *     # prefix       image [weight] [, image [weight]]…
 *     10.99.0.0/16   linux 3, windows-xp 1
 *     10.99.4.8      windows-xp
 */
export class AddressMap {
  /** Every image that some address may get, in order of name. Their numbers are their places here. */
  readonly images: readonly string[];
  /** By address: an image's number, or how many images there are and the number of a mix. */
  private readonly table: LongestPrefix;
  /** Where the shares of each mix begin; and where the last ones end. */
  private readonly mixes: Int32Array;
  /** Of each mix its weight. */
  private readonly weights: Int32Array;
  /** Of each share the weight of those before it in its mix, and the number of its image. */
  private readonly starts: Int32Array;
  private readonly players: Int32Array;

  /** @throws {AddressMapError} that lists everything that is wrong. */
  constructor(text: string, file: string) {
    const { lines, lists } = readLines(text, file);
    this.images = [...new Set(lists.flatMap((shares) => shares.map(({ image }) => image)))].sort();
    const numbers = new Map(this.images.map((image, number) => [image, number]));
    const mixes = [0];
    const weights: number[] = [];
    const starts: number[] = [];
    const players: number[] = [];
    const values = lists.map((shares) => {
      if (shares.length === 1) return numbers.get(shares[0]!.image)!;
      let sum = 0;
      for (const { image, weight } of shares) {
        starts.push(sum);
        players.push(numbers.get(image)!);
        sum += weight;
      }
      mixes.push(starts.length);
      return this.images.length + weights.push(sum) - 1;
    });
    this.mixes = Int32Array.from(mixes);
    this.weights = Int32Array.from(weights);
    this.starts = Int32Array.from(starts);
    this.players = Int32Array.from(players);
    this.table = new LongestPrefix(
      lines.map(({ address, length, list }) => ({ address, length, value: values[list]! })),
    );
  }

  /** The number of the image that plays an address, -1 if no prefix holds it. A signed number is the same address. */
  find(address: number): number {
    return this.play(this.table.find(address), address);
  }

  /**
   * The numbers of the images that play the addresses of a batch.
   *
   * @param addresses by row
   * @param rows those of the batch, of which the first n count
   * @param results gets what find() would give, in the places of the rows
   */
  findAll(addresses: Uint32Array, rows: Uint16Array, n: number, results: Int32Array): void {
    this.table.findAll(addresses, rows, n, results);
    if (this.weights.length === 0) return;
    for (let i = 0; i < n; i++) results[i] = this.play(results[i]!, addresses[rows[i]!]! | 0);
  }

  /** The image that plays an address, undefined if no prefix holds it. */
  lookup(address: number): string | undefined {
    return this.images[this.find(address)];
  }

  /** The image of an address, by what the table says of it. */
  private play(value: number, address: number): number {
    const mix = value - this.images.length;
    return mix < 0 ? value : this.pick(mix, address);
  }

  /** The image of the share of a mix that an address is of. */
  private pick(mix: number, address: number): number {
    const { mixes, starts } = this;
    let share = mixes[mix]!;
    const end = mixes[mix + 1]!;
    // Unsigned by unsigned, and signed from there on: else V8 computes with fractions, which takes three times as long.
    const place = (scramble(address) % (this.weights[mix]! >>> 0)) | 0;
    // One further for each share that does not begin behind the place: a negative difference becomes -1.
    for (let i = share + 1; i < end; i++) share -= (starts[i]! - place - 1) >> 31;
    return this.players[share]!;
  }
}

/** @throws {AddressMapError} */
function readLines(text: string, file: string): { lines: Line[]; lists: Share[][] } {
  const lines: Line[] = [];
  const lists: Share[][] = [];
  /** Most lines of a long map say the same of another prefix. */
  const known = new Map<string, number>();
  /** Addresses of prefixes by length, signed, so that none of them is an object. */
  const given = Array.from({ length: 33 }, () => new Set<number>());
  const problems: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const content = line.replace(/#.*/, '').trimEnd();
    if (content === '') continue;
    const complain = (at: number, message: string) => problems.push(`${file}:${index + 1}:${at + 1}: ${message}`);
    const [, indent, word, gap, images] = /^(\s*)(\S+)(\s*)(.*)$/s.exec(content)! as unknown as string[];
    const prefix = parsePrefix(word!);
    if (!prefix) {
      complain(indent!.length, `expected a prefix such as 10.99.0.0/16 or an address, not '${word}'`);
      continue;
    }
    const others = given[prefix.length]!;
    if (others.has(prefix.address | 0)) complain(indent!.length, `${word} is given twice`);
    others.add(prefix.address | 0);
    let list = known.get(images!);
    if (list === undefined) {
      const start = indent!.length + word!.length + gap!.length;
      const before = problems.length;
      const shares = readShares(images!, (at, message) => complain(start + at, message));
      list = lists.push(shares) - 1;
      // A mistake is reported for each line that makes it.
      if (problems.length === before) known.set(images!, list);
    }
    lines.push({ address: prefix.address, length: prefix.length, list });
  }
  if (problems.length > 0) throw new AddressMapError(problems.join('\n'));
  return { lines, lists };
}

function readShares(text: string, complain: (at: number, message: string) => void): Share[] {
  const shares: Share[] = [];
  let at = 0;
  let sum = 0;
  for (const part of text.split(',')) {
    const share = /^\s*([A-Za-z0-9_.-]+)(?:\s+(\d+))?\s*$/.exec(part);
    const weight = share?.[2] === undefined ? 1 : Number(share[2]);
    if (!share || weight < 1 || weight > WEIGHT) {
      complain(at, `expected an image and a weight from 1, such as 'linux 3', not '${part.trim()}'`);
    } else {
      shares.push({ image: share[1]!, weight });
      sum += weight;
    }
    at += part.length + 1;
  }
  if (shares.length > 1 && sum > TOTAL) complain(0, `expected weights of at most ${TOTAL} together, not ${sum}`);
  return shares;
}

/** Spreads addresses evenly, so that a mix does not follow their order (the finalizer of MurmurHash3). */
function scramble(address: number): number {
  let x = address;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
