import { createHmac } from 'node:crypto';
import type { Packets } from '../packets.js';
import { TCP_FLAG } from '../protocol.js';
import { REWRITE } from './column.js';
import { type Connection, Connections } from './connections.js';
import type { Ready } from './ready.js';
import { Stream, type StreamLimits } from './stream.js';
import type { Substitution } from './substitution.js';
import { type Refusal, Sender, TcpRewriter } from './tcp.js';
import { Budget } from './unacked.js';
import { Withheld } from './withheld.js';

const { fin: FIN, syn: SYN, rst: RST, ack: ACK } = TCP_FLAG;

/** Why a segment is not passed on. */
export type SegmentRefusal = Refusal | 'moved' | 'flags' | 'streams' | 'untracked';

export interface FollowingOptions {
  readonly packets: Packets;
  /** Connections at once, bytes that one stream may hold, and memory of all. */
  readonly connections: number;
  readonly bytes: number;
  readonly memory: number;
  /** Seconds for which bytes are withheld that may begin a match, after which a connection is forgotten, and one that is over. */
  readonly hold: number;
  readonly timeout: number;
  readonly linger: number;
  /** 16 bytes that make sequence numbers unpredictable. */
  readonly seed: Uint8Array;
  /** The port by which packets come that nothing is to be replaced in, but that may answer what was. */
  readonly back: number;
  /** What a value of the column `rewrite` stands for. */
  substitution(column: number): Substitution | undefined;
  drop(row: number, reason: SegmentRefusal): void;
}

/**
 * Follows TCP connections of which something is rewritten, from their SYN on, or from the packet that decided so. What cannot be
 * followed is dropped.
 */
export class Following {
  readonly connections: Connections;
  readonly budget: Budget;
  readonly withheld: Withheld;
  /** Matches replaced. */
  replaced = 0;
  private readonly options: FollowingOptions;
  private readonly ready: Ready;
  private readonly limits: StreamLimits;
  private readonly tcp: TcpRewriter;
  private shifts = 0;

  constructor(options: FollowingOptions, ready: Ready) {
    const { packets, connections, memory, bytes, hold, seed } = options;
    this.options = options;
    this.ready = ready;
    this.connections = new Connections(connections, seed);
    this.budget = new Budget(memory);
    this.withheld = new Withheld(hold);
    this.limits = { bytes, budget: this.budget };
    this.tcp = new TcpRewriter({
      packets,
      emit: (row, port) => ready.addChanged(row, port),
    });
  }

  /**
   * Takes a segment that came by a port.
   * @param known its connection, if it is followed
   */
  segment(row: number, port: number, column: number, known: Connection | undefined, now: number): void {
    const { packets, drop, back } = this.options;
    const flags = packets.tcpFlags[row]!;
    if (flags & SYN && flags & (FIN | RST)) {
      drop(row, 'flags');
      return;
    }
    const substitution = this.options.substitution(column & REWRITE.number);
    const anew = (column & REWRITE.anew) !== 0;
    const begins = (flags & SYN) !== 0 || (anew && !(flags & RST));
    const connection = known ?? (begins ? this.connections.open(packets, row, now) : undefined);
    if (!connection) {
      if (flags & RST) this.bare(row, port);
      else drop(row, begins ? 'streams' : 'untracked');
      return;
    }
    if (anew) connection.midway = true;
    const end = Connections.end(packets.src[row]!, packets.sport[row]!, packets.dst[row]!, packets.dport[row]!);
    connection.active = now;
    const { senders } = connection;
    const other = senders[1 - end];
    if (port !== back && !this.begin(row, port, substitution, connection, end)) {
      drop(row, 'untracked');
      return;
    }
    const sender = senders[end];
    if (sender && sender.port !== port) {
      drop(row, 'moved');
      return;
    }
    if (other) {
      const refusal = this.tcp.acknowledge(row, other);
      if (refusal) {
        drop(row, refusal);
        return;
      }
      this.noteEnd(connection, other, flags);
      if (!sender) this.tcp.remember(row, other, port);
    }
    if (sender) this.send(row, sender, now);
    else if (substitution) this.bare(row, port);
    else this.ready.addChanged(row, port);
    if (other) this.tcp.pump(other);
  }

  /** Lets go what has been withheld for long enough, as long as the packet table has rows. */
  letGo(now: number, rows: number): void {
    const { packets } = this.options;
    const most = packets.used + rows;
    while (packets.used < most) {
      const sender = this.withheld.shift(now);
      if (!sender) break;
      const before = sender.stream.scanner.found;
      sender.repeated++;
      this.tcp.letGo(sender);
      this.withheld.await(sender, now);
      this.replaced += sender.stream.scanner.found - before;
    }
  }

  /** Forgets connections that are quiet, over, or of a universe that has ended. */
  sweep(now: number, ended: ReadonlySet<number>): void {
    const { timeout, linger } = this.options;
    for (const connection of this.connections) {
      const quiet = now - connection.active;
      if (quiet < (connection.over ? linger : timeout) && !ended.has(connection.universe)) continue;
      for (const sender of connection.senders) if (sender) this.forget(sender);
      this.connections.remove(connection);
    }
  }

  /** Begins to follow what an end sends, if it begins now. A SYN begins anew. @returns false if its beginning was missed */
  private begin(
    row: number,
    port: number,
    substitution: Substitution | undefined,
    connection: Connection,
    end: 0 | 1,
  ): boolean {
    const { packets } = this.options;
    const sequence = packets.view.getUint32(packets.start[row]! + packets.ipHeader[row]! + 4);
    const flags = packets.tcpFlags[row]!;
    const begins = (flags & SYN) !== 0;
    const before = connection.senders[end];
    const again = before?.stream.inBase === sequence && before.port === port;
    if (before ? !begins || again : (flags & RST) !== 0) return true;
    if (before) this.forget(before);
    connection.senders[end] = undefined;
    if (!substitution) return true;
    if (!begins && !connection.midway) return false;
    connection.over = false;
    // What an end sends on the ports of a connection that is forgotten here, but not by its peer, must not go on where
    // that one has left off: else two halves of a match would meet there.
    const stream = new Stream(substitution, sequence, begins ? this.shift() : 0, begins, this.limits);
    connection.senders[end] = new Sender(stream, port);
    return true;
  }

  private shift(): number {
    return createHmac('sha256', this.options.seed)
      .update(String(this.shifts++))
      .digest()
      .readUInt32LE();
  }

  private send(row: number, sender: Sender, now: number): void {
    const { scanner } = sender.stream;
    const before = scanner.found;
    const refusal = this.tcp.send(row, sender);
    if (refusal) this.options.drop(row, refusal);
    this.replaced += scanner.found - before;
    sender.repeated = 0;
    this.withheld.await(sender, now);
  }

  /** A reset of a connection that is not followed carries nothing. */
  private bare(row: number, port: number): void {
    const { packets } = this.options;
    packets.length[row] = packets.payload[row]!;
    packets.view.setUint16(packets.start[row]! + 2, packets.length[row]!);
    this.ready.addChanged(row, port);
  }

  /** Whether a connection is over, as the end says that is not rewritten, or that has got all. */
  private noteEnd(connection: Connection, { stream }: Sender, flags: number): void {
    if (flags & RST || (stream.ended && flags & ACK && stream.acked > stream.unacked.to)) connection.over = true;
  }

  private forget(sender: Sender): void {
    this.withheld.forget(sender);
    sender.stream.clear();
  }
}
