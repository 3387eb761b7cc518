import { AddressMap } from '../farm/addressmap.js';
import { Images } from '../farm/images.js';
import { formatAddress, parseAddress } from '../packet/address.js';
import type { Batch } from '../packet/batch.js';
import { Element, type Setup } from '../pipeline/element.js';
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
  private readonly images: Images;
  private asked = '';

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    this.images = this.services.shared(Images);
    for (const name of this.config.map.images) this.images.number(name);
  }

  override push(batch: Batch): void {
    const { packets, images } = this;
    const { map } = this.config;
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i]!;
      const image = map.lookup(packets.dst[row]!);
      if (image === undefined) {
        this.drops.unmapped.add(row);
        continue;
      }
      packets.image[row] = images.number(image) + 1;
      this.out.out.add(row);
    }
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
