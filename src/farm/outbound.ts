import { Batch } from '../packet/batch.js';
import type { Packets } from '../packet/packets.js';
import type { Drop } from '../pipeline/element.js';
import type { CloneBackend } from './backend.js';
import { answerDhcp, isDhcp } from './dhcp.js';
import { isTranslated, Translation } from './translation.js';
import type { CloneRecord } from './universes.js';
import { answerArp, ETHERNET, ETHERTYPE, etherType, MTU, unframe } from './wire.js';

/** Where frames of clones end that go nowhere else. */
export type OutboundDrops = Readonly<
  Record<
    | 'gone'
    | 'early'
    | 'too-big'
    | 'not-ip'
    | 'runt'
    | 'arp'
    | 'dhcp'
    | 'dhcp-malformed'
    | 'busy'
    | 'untranslatable'
    | 'spoofed',
    Drop
  >
>;

export interface OutboundOptions {
  readonly packets: Packets;
  readonly backend: CloneBackend;
  readonly drops: OutboundDrops;
  readonly clock: { readonly now: number };
  /** The clone of this number, undefined if it is gone. */
  cloneOf(id: number): CloneRecord | undefined;
  /** Whether a clone is still in the making. */
  isMaking(clone: CloneRecord): boolean;
  /** Takes a packet that may enter the graph: IPv4, from the clone's own address. */
  admit(clone: CloneRecord, row: number): void;
}

/**
 * What clones send. The gateway is all that there is on a clone's wire: it answers ARP and DHCP, takes IPv4 packets
 * that bear the clone's own address, translated where it has another one inside, and nothing else.
 */
export class Outbound {
  private readonly options: OutboundOptions;
  private readonly batch = new Batch();
  /** Who sent each row of the batch. */
  private readonly senders: CloneRecord[] = [];
  private readonly answers = new Batch();
  private readonly translation = new Translation();

  constructor(options: OutboundOptions) {
    this.options = options;
  }

  /** Brings in at most max frames. */
  collect(max: number): void {
    const { packets, backend, drops, clock, cloneOf } = this.options;
    const taken = backend.collect(packets, max);
    for (let row = packets.used - taken; row < packets.used; row++) {
      const clone = cloneOf(packets.clone[row]!);
      clone?.recording?.add(packets, row, 'out', clock.now);
      if (!clone) drops.gone.add(row);
      else if (packets.length[row]! > ETHERNET + MTU) drops['too-big'].add(row);
      else this.sort(clone, row);
    }
    this.answer();
    this.admit();
  }

  private sort(clone: CloneRecord, row: number): void {
    const { packets, drops, isMaking } = this.options;
    const type = etherType(packets, row);
    if (type === ETHERTYPE.arp) {
      if (answerArp(packets, row, clone.inside, clone.mac)) this.answers.add(row);
      else drops.arp.add(row);
    } else if (type !== ETHERTYPE.ipv4) drops['not-ip'].add(row);
    else if (packets.length[row]! < ETHERNET + 20) drops.runt.add(row);
    else if (isDhcp(packets, row, clone.inside)) {
      const outcome = answerDhcp(packets, row, clone.inside);
      if (outcome === 'answered') this.answers.add(row);
      else drops[outcome === 'ignored' ? 'dhcp' : 'dhcp-malformed'].add(row);
    } else if (isMaking(clone)) drops.early.add(row);
    else {
      unframe(packets, row);
      this.senders[this.batch.count] = clone;
      this.batch.add(row);
      if (isTranslated(clone)) this.translation.add(clone, row);
    }
  }

  /** Sends answers on the wires that they were asked for on. */
  private answer(): void {
    const { packets, backend, drops, clock, cloneOf } = this.options;
    const { rows, count } = this.answers;
    if (count === 0) return;
    this.answers.clear();
    const accepted = backend.deliver(packets, rows, count);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (i < accepted) cloneOf(packets.clone[row]!)?.recording?.add(packets, row, 'in', clock.now);
      if (i >= accepted) drops.busy.add(row);
      else drops[etherType(packets, row) === ETHERTYPE.arp ? 'arp' : 'dhcp'].add(row);
    }
  }

  /** Lets packets into the graph if they bear their sender's own address. */
  private admit(): void {
    const { packets, drops, admit } = this.options;
    const { rows, count } = this.batch;
    this.batch.clear();
    this.translation.run(packets);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const clone = this.senders[i]!;
      if (isTranslated(clone) && packets.fault[row] !== 0) drops.untranslatable.add(row);
      else if (packets.view.getUint32(packets.start[row]! + 12) !== clone.address) drops.spoofed.add(row);
      else admit(clone, row);
    }
  }
}
