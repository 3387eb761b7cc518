import { parsePrefix, prefixMask } from '../packet/address.js';

/** A share of a prefix's addresses that are machines of one image. */
export interface Share {
  readonly image: string;
  readonly weight: number;
}

interface Entry {
  readonly shares: readonly Share[];
  /** Of all shares. */
  readonly weight: number;
  /** Numbers of their images. */
  readonly images: readonly number[];
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
  /** By prefix length, longest first; then by prefix as a signed number, which a Map finds without making an object of it. */
  private readonly lengths: { readonly mask: number; readonly entries: Map<number, Entry> }[] = [];

  /** @throws {AddressMapError} that lists everything that is wrong. */
  constructor(text: string, file: string) {
    const byLength = new Map<number, Map<number, readonly Share[]>>();
    const problems: string[] = [];
    for (const [index, line] of text.split('\n').entries()) {
      const content = line.replace(/#.*/, '');
      if (content.trim() === '') continue;
      const complain = (at: number, message: string) => problems.push(`${file}:${index + 1}:${at + 1}: ${message}`);
      const match = /^(\s*)(\S+)(\s*)(.*?)\s*$/.exec(content)!;
      const [, indent, word, , images] = match as unknown as [string, string, string, string, string];
      const prefix = parsePrefix(word);
      if (!prefix) {
        complain(indent.length, `expected a prefix such as 10.99.0.0/16 or an address, not '${word}'`);
        continue;
      }
      const entries = byLength.get(prefix.length) ?? new Map<number, readonly Share[]>();
      byLength.set(prefix.length, entries);
      if (entries.has(prefix.address)) complain(indent.length, `${word} is given twice`);
      const shares: Share[] = [];
      let at = content.length - content.trimStart().length + word.length;
      at = content.indexOf(images, at);
      for (const part of images.split(',')) {
        const share = /^\s*([A-Za-z0-9_.-]+)(?:\s+(\d+))?\s*$/.exec(part);
        const weight = share?.[2] === undefined ? 1 : Number(share[2]);
        if (!share || weight < 1 || weight > 1_000_000) {
          complain(at, `expected an image and a weight from 1, such as 'linux 3', not '${part.trim()}'`);
        } else shares.push({ image: share[1]!, weight });
        at += part.length + 1;
      }
      entries.set(prefix.address, shares);
    }
    if (problems.length > 0) throw new AddressMapError(problems.join('\n'));
    const all = [...byLength.values()].flatMap((entries) => [...entries.values()].flat());
    this.images = [...new Set(all.map(({ image }) => image))].sort();
    for (const length of [...byLength.keys()].sort((a, b) => b - a)) {
      const entries = new Map([...byLength.get(length)!].map(([address, shares]) => [address | 0, this.entry(shares)]));
      this.lengths.push({ mask: prefixMask(length), entries });
    }
  }

  private entry(shares: readonly Share[]): Entry {
    return {
      shares,
      weight: shares.reduce((sum, { weight }) => sum + weight, 0),
      images: shares.map(({ image }) => this.images.indexOf(image)),
    };
  }

  /** The number of the image that plays an address, -1 if no prefix holds it. */
  find(address: number): number {
    const { lengths } = this;
    for (let i = 0; i < lengths.length; i++) {
      const { mask, entries } = lengths[i]!;
      const entry = entries.get(address & mask);
      if (entry) return entry.images[pick(entry, address)]!;
    }
    return -1;
  }

  /** The image that plays an address, undefined if no prefix holds it. */
  lookup(address: number): string | undefined {
    return this.images[this.find(address)];
  }
}

/** Which of its shares an address is of. */
function pick({ shares, weight }: Entry, address: number): number {
  if (shares.length === 1) return 0;
  let rest = scramble(address) % weight;
  for (let i = 0; i < shares.length; i++) {
    if (rest < shares[i]!.weight) return i;
    rest -= shares[i]!.weight;
  }
  throw new Error('unreachable: the weights add up to the total');
}

/** Spreads addresses evenly, so that a mix does not follow their order (the finalizer of MurmurHash3). */
function scramble(address: number): number {
  let x = address;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
