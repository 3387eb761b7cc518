import { Batch } from '../packet/batch.js';
import type { Packets } from '../packet/packets.js';
import type { Drop } from '../pipeline/element.js';
import type { CloneBackend } from './backend.js';
import { isTranslated, Translation } from './translation.js';
import type { CloneRecord } from './universes.js';
import { frame } from './wire.js';

/** Where rows end that reach no clone. */
export interface InboundDrops {
  readonly busy: Drop;
  readonly untranslatable: Drop;
}

/** Packets on their way to clones: gathered, translated where a clone has another address inside, framed, and delivered. */
export class Inbound {
  private readonly packets: Packets;
  private readonly backend: CloneBackend;
  private readonly drops: InboundDrops;
  private readonly clock: { readonly now: number };
  private readonly batch = new Batch();
  /** For whom each row of the table is. */
  private readonly owners: CloneRecord[] = [];
  private readonly translation = new Translation();

  constructor(packets: Packets, backend: CloneBackend, drops: InboundDrops, clock: { readonly now: number }) {
    this.packets = packets;
    this.backend = backend;
    this.drops = drops;
    this.clock = clock;
  }

  /** Takes a packet for a clone that is ready. It goes with the next `flush`. */
  add(clone: CloneRecord, row: number): void {
    this.packets.clone[row] = clone.id;
    this.owners[row] = clone;
    this.batch.add(row);
    if (isTranslated(clone)) this.translation.add(clone, row);
  }

  /** Delivers what was taken, in order. Returns how many rows clones have accepted; all others are dropped. */
  flush(): number {
    const { packets, batch } = this;
    const { rows, count } = batch;
    batch.clear();
    this.translation.run(packets);
    let framed = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const clone = this.owners[row]!;
      if (isTranslated(clone) && packets.fault[row] !== 0) {
        this.drops.untranslatable.add(row);
        continue;
      }
      frame(packets, row, clone.mac);
      rows[framed++] = row;
    }
    const accepted = framed === 0 ? 0 : this.backend.deliver(packets, rows, framed);
    // What a clone did not take did not go over its wire.
    for (let i = 0; i < accepted; i++) this.owners[rows[i]!]!.recording?.add(packets, rows[i]!, 'in', this.clock.now);
    for (let i = accepted; i < framed; i++) this.drops.busy.add(rows[i]!);
    return accepted;
  }
}
