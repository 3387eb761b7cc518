import { formatAddress, type Prefix, parsePrefix, prefixMask } from '../packet/address.js';

/** Prefixes that one list may have: they are tried one after the other. */
const MOST = 256;

/** A short list of prefixes, as a person writes it: `10.99.4.0/24 10.99.7.7`, `all` or `none`. */
export class Prefixes {
  static readonly none = new Prefixes([]);
  private readonly list: readonly Prefix[];
  private readonly masks: Uint32Array;
  private readonly addresses: Uint32Array;

  constructor(list: readonly Prefix[]) {
    this.list = list;
    this.masks = Uint32Array.from(list, ({ length }) => prefixMask(length));
    this.addresses = Uint32Array.from(list, ({ address }) => address);
  }

  /** @throws {Error} that says what was expected */
  static read(text: string): Prefixes {
    const words = text.trim().split(/\s+/);
    if (words.length === 1 && words[0] === 'none') return Prefixes.none;
    if (words.length === 1 && words[0] === 'all') return new Prefixes([{ address: 0, length: 0 }]);
    if (words.length > MOST) throw new Error(`expected at most ${MOST} prefixes`);
    return new Prefixes(
      words.map((word) => {
        const prefix = parsePrefix(word);
        if (!prefix) throw new Error(`expected all, none, or prefixes such as 10.99.4.0/24 with a space between`);
        return prefix;
      }),
    );
  }

  get isEmpty(): boolean {
    return this.list.length === 0;
  }

  has(address: number): boolean {
    const { masks, addresses } = this;
    for (let i = 0; i < masks.length; i++) if ((address & masks[i]!) >>> 0 === addresses[i]) return true;
    return false;
  }

  toString(): string {
    if (this.isEmpty) return 'none';
    if (this.list.some(({ length }) => length === 0)) return 'all';
    return this.list.map(({ address, length }) => `${formatAddress(address)}/${length}`).join(' ');
  }
}
