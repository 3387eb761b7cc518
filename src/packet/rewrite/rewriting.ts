import { native } from '../../native/addon.js';
import { CHECK } from '../../native/ip.js';
import { Batch } from '../batch.js';
import { PROTOCOL } from '../protocol.js';
import { REWRITE } from './column.js';
import type { Connection, Connections } from './connections.js';
import { type DatagramRefusal, rewriteDatagram } from './datagram.js';
import { Following, type FollowingOptions, type SegmentRefusal } from './following.js';
import { quotedTcp, rewriteError } from './icmp-error.js';
import { Ready } from './ready.js';
import type { Budget } from './unacked.js';

/** Why a packet is not passed on. */
export type RewriteRefusal = SegmentRefusal | DatagramRefusal | 'checksum' | 'faulty';

export interface RewritingOptions extends FollowingOptions {
  /** The longest packet that is made of a datagram. */
  readonly mtu: number;
  pass(row: number, port: number): void;
  drop(row: number, reason: RewriteRefusal): void;
}

/**
 * Replaces strings in what clones send, and keeps both ends of a TCP connection in the belief that the other one has sent,
 * and has got, what it says.
 */
export class Rewriting {
  private readonly options: RewritingOptions;
  private readonly ready: Ready;
  private readonly following: Following;
  /** Rows to be looked at. */
  private readonly concerned = new Batch();
  /** Matches replaced in datagrams. */
  private inDatagrams = 0;

  constructor(options: RewritingOptions) {
    this.options = options;
    this.ready = new Ready(options);
    this.following = new Following(options, this.ready);
  }

  get connections(): Connections {
    return this.following.connections;
  }

  get budget(): Budget {
    return this.following.budget;
  }

  /** Matches replaced. */
  get replaced(): number {
    return this.inDatagrams + this.following.replaced;
  }

  /** When something that is withheld is to be let go; Infinity if nothing is. */
  get due(): number {
    return this.following.withheld.due;
  }

  /** Streams of which something is withheld. */
  get withheld(): number {
    return this.following.withheld.size;
  }

  /** Takes rows that came by a port. Each is passed on by the same one, or dropped. */
  take({ rows, count }: Batch, port: number, now: number): void {
    const { packets } = this.options;
    const { concerned, connections } = this;
    for (let i = 0; i < count; i++) this.key(i, rows[i]!);
    connections.look(count);
    concerned.clear();
    for (let i = 0; i < count; i++)
      if (packets.rewrite[rows[i]!] !== 0 || connections.found(i)) concerned.add(rows[i]!);
    // A checksum that is wrong must not become right.
    if (concerned.count > 0) native.ipCheck(packets.bytes, concerned.rows, concerned.count, CHECK.transport);
    const found = Array.from({ length: count }, (_, i) => connections.found(i));
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const connection = found[i];
      if (!connection && packets.rewrite[row] === 0) this.ready.add(row, port);
      else this.one(row, port, connection, now);
    }
    this.ready.finish();
  }

  /** Lets go what has been withheld for long enough, as long as the packet table has rows. */
  letGo(now: number, rows: number): void {
    this.following.letGo(now, rows);
    this.ready.finish();
  }

  /** Forgets connections that are quiet, over, or of a universe that has ended. */
  sweep(now: number, ended: ReadonlySet<number>): void {
    this.following.sweep(now, ended);
  }

  /** The connection that a row is of, or that it tells of an error of, if any; else a key that is nobody's. */
  private key(i: number, row: number): void {
    const { packets } = this.options;
    const { connections } = this;
    if (packets.proto[row] === PROTOCOL.tcp) {
      connections.key(
        i,
        packets.universe[row]!,
        packets.src[row]!,
        packets.sport[row]!,
        packets.dst[row]!,
        packets.dport[row]!,
      );
      return;
    }
    const quoted = quotedTcp(packets, row);
    if (quoted < 0) connections.key(i, 0, 0, 0, 0, 0);
    else {
      const { view } = packets;
      const [src, dst] = [view.getUint32(quoted + 12), view.getUint32(quoted + 16)];
      connections.key(i, packets.universe[row]!, src, view.getUint16(quoted + 20), dst, view.getUint16(quoted + 22));
    }
  }

  private one(row: number, port: number, connection: Connection | undefined, now: number): void {
    const { packets, drop, mtu } = this.options;
    const column = packets.rewrite[row]!;
    packets.rewrite[row] = 0;
    if (packets.fault[row] !== 0) {
      drop(row, 'checksum');
      return;
    }
    if (packets.proto[row] === PROTOCOL.tcp) {
      if (packets.fragment[row] !== 0) drop(row, 'fragment');
      else this.following.segment(row, port, column, connection, now);
      return;
    }
    if (connection) {
      const refusal = rewriteError(packets, row, connection);
      if (refusal) drop(row, refusal);
      else this.ready.addChanged(row, port);
      return;
    }
    const substitution = this.options.substitution(column & REWRITE.number);
    if (!substitution) {
      drop(row, 'protocol');
      return;
    }
    const outcome = rewriteDatagram(packets, row, substitution, mtu);
    if (typeof outcome === 'string') {
      drop(row, outcome);
      return;
    }
    this.inDatagrams += outcome;
    this.ready.addChanged(row, port);
  }
}
