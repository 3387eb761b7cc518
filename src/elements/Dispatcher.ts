import { AddressMap } from '../farm/addressmap.js';
import { Images } from '../farm/images.js';
import { formatAddress, parseAddress } from '../packet/address.js';
import type { Batch } from '../packet/batch.js';
import { ROWS } from '../packet/columns.js';
import { Element, type Setup } from '../pipeline/element.js';
import { passMarked } from '../pipeline/marked.js';
import type { Spec } from '../pipeline/spec.js';
import { fileValue } from '../pipeline/values.js';

const spec = {
  summary: 'decides which image plays the address a packet is for',
  inputs: { in: 'packets that open a flow, in their universe' },
  outputs: { out: 'the same packets, with an image' },
  config: {
    map: fileValue('address map', 'Which image plays which address: lines of prefix, image and weight.', {
      read: (text, file) => new AddressMap(text, file),
    }),
  },
  drops: { unmapped: 'no prefix of the map holds its destination' },
  handlers: { lookup: { read: 'the image of the address last written', write: 'an address to look up' } },
  workers: 'each',
} as const satisfies Spec;

/**
 * The map makes a promise concrete: "132.239.4.8 is a Windows XP box with IIS 5". The longest prefix that holds
 * the address decides. Where a prefix mixes images by weight, an address always gets the same one of them.
 *
 * @example
 *   FromDump(in.pcap) -> CheckIPHeader -> UniverseTagger -> Dispatcher(MAP addresses.map) -> Discard;
 */
export class Dispatcher extends Element<typeof spec> {
  static readonly spec = spec;
  /** What the column `image` is to hold, by the map's number of an image plus 1: 0 for an address that has none. */
  private readonly columns: Uint16Array;
  /** For each row of a batch the map's number of an image, -1 if it has none. */
  private readonly numbers = new Int32Array(ROWS);
  private asked = '';

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const images = this.services.shared(Images);
    this.columns = Uint16Array.of(0, ...this.config.map.images.map((name) => images.number(name) + 1));
  }

  override push(batch: Batch, _input: number, bytes: number): void {
    const { columns, numbers } = this;
    const { dst, image } = this.packets;
    const { map } = this.config;
    const { out } = this.out;
    const { rows, count } = batch;
    map.findAll(dst, rows, count, numbers);
    // Negative as soon as one of them is.
    let all = 0;
    for (let i = 0; i < count; i++) {
      const number = numbers[i]!;
      image[rows[i]!] = columns[number + 1]!;
      all |= number;
    }
    if (all >= 0) out.moveAll(batch, bytes);
    else passMarked(image, batch, this.drops.unmapped, out);
  }

  override handlers() {
    return {
      lookup: {
        read: () => this.asked,
        write: (text: string) => {
          const address = parseAddress(text.trim());
          if (address === undefined) throw new Error(`expected an IPv4 address, not '${text}'`);
          this.asked = `${formatAddress(address)} ${this.config.map.lookup(address) ?? 'none'}`;
        },
      },
    };
  }
}
