import { createHmac } from 'node:crypto';
import { native } from '../../native/addon.js';
import { CHECK } from '../../native/ip.js';
import { Batch } from '../batch.js';
import { ROWS } from '../columns.js';
import type { Packets } from '../packets.js';
import { ICMP_ERRORS, PROTOCOL, TCP_FLAG } from '../protocol.js';
import { REWRITE } from './column.js';
import { type Connection, Connections } from './connections.js';
import { cutQuotation, type DatagramRefusal, rewriteDatagram } from './datagram.js';
import { Stream, type StreamLimits } from './stream.js';
import type { Substitution } from './substitution.js';
import { type Refusal, Sender, TcpRewriter } from './tcp.js';
import { Budget } from './unacked.js';

const { fin: FIN, syn: SYN, rst: RST, ack: ACK } = TCP_FLAG;

/** How often something is sent again that its sender believes to have arrived. */
const REPEATS = 8;

/** Why a packet is not passed on. */
export type RewriteRefusal =
  | Refusal
  | DatagramRefusal
  | 'checksum'
  | 'moved'
  | 'flags'
  | 'streams'
  | 'untracked'
  | 'faulty';

export interface RewritingOptions {
  readonly packets: Packets;
  /** Connections at once, bytes that one stream may hold, and memory of all. */
  readonly connections: number;
  readonly bytes: number;
  readonly memory: number;
  /** The longest packet that is made of a datagram. */
  readonly mtu: number;
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
  pass(row: number, port: number): void;
  drop(row: number, reason: RewriteRefusal): void;
}

/**
 * Replaces strings in what clones send, and keeps both ends of a TCP connection in the belief that the other one has sent,
 * and has got, what it says. A connection is followed from its SYN on, or from the packet that decided that it is to be
 * rewritten; what cannot be followed is dropped.
 */
export class Rewriting {
  readonly connections: Connections;
  readonly budget: Budget;
  /** Matches replaced. */
  replaced = 0;
  private readonly options: RewritingOptions;
  private readonly limits: StreamLimits;
  private readonly tcp: TcpRewriter;
  /** Rows to be looked at, and rows whose checksums are to be made right. */
  private readonly concerned = new Batch();
  private readonly changed = new Batch();
  /** Rows that go on, and by row the port by which. */
  private readonly ready = new Batch();
  private readonly ports = new Uint8Array(ROWS);
  /** Senders of which something is withheld, the one that is due first before the others. */
  private readonly withholding = new Set<Sender>();
  private shifts = 0;

  constructor(options: RewritingOptions) {
    const { packets, connections, memory, bytes, seed } = options;
    this.options = options;
    this.connections = new Connections(connections, seed);
    this.budget = new Budget(memory);
    this.limits = { bytes, budget: this.budget };
    this.tcp = new TcpRewriter({
      packets,
      emit: (row, port) => this.pass(row, port, true),
    });
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
      if (!connection && packets.rewrite[row] === 0) this.pass(row, port, false);
      else this.one(row, port, connection, now);
    }
    this.finish();
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
    const quoted = this.quotedTcp(row);
    if (quoted < 0) connections.key(i, 0, 0, 0, 0, 0);
    else {
      const { view } = packets;
      const [src, dst] = [view.getUint32(quoted + 12), view.getUint32(quoted + 16)];
      connections.key(i, packets.universe[row]!, src, view.getUint16(quoted + 20), dst, view.getUint16(quoted + 22));
    }
  }

  /** Where the IPv4 header of a TCP segment lies that an ICMP error quotes; -1 if it is none. */
  private quotedTcp(row: number): number {
    const { packets } = this.options;
    const isError = packets.proto[row] === PROTOCOL.icmp && ICMP_ERRORS.includes(packets.sport[row]! >> 8);
    const at = packets.start[row]! + packets.ipHeader[row]! + 8;
    if (!isError || packets.fragment[row] !== 0 || at + 28 > packets.start[row]! + packets.length[row]!) return -1;
    return packets.bytes[at] === 0x45 && packets.bytes[at + 9] === PROTOCOL.tcp ? at : -1;
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
      if (packets.fragment[row] !== 0) {
        drop(row, 'fragment');
        return;
      }
      this.segment(row, port, column, connection, now);
      return;
    }
    if (connection) {
      this.error(row, port, connection);
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
    this.replaced += outcome;
    this.pass(row, port, true);
  }

  private segment(row: number, port: number, column: number, known: Connection | undefined, now: number): void {
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
    else {
      this.pass(row, port, true);
    }
    if (other) this.tcp.pump(other);
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
    this.await(sender, now);
  }

  /** Comes back to a sender when it has been quiet for a while, if there is something to do then. */
  private await(sender: Sender, now: number): void {
    const { stream, repeated } = sender;
    this.withholding.delete(sender);
    const repeats = stream.owes && repeated < REPEATS && !sender.reset;
    if (stream.scanner.withheld === 0 && !repeats) return;
    this.withholding.add(sender);
    sender.due = now + this.options.hold;
  }

  /** A reset of a connection that is not followed carries nothing. */
  private bare(row: number, port: number): void {
    const { packets } = this.options;
    packets.length[row] = packets.payload[row]!;
    packets.view.setUint16(packets.start[row]! + 2, packets.length[row]!);
    this.pass(row, port, true);
  }

  /** An ICMP error about a segment of a rewritten stream: what it quotes is what the sender has sent. */
  private error(row: number, port: number, connection: Connection): void {
    const { packets, drop } = this.options;
    const { view } = packets;
    const quoted = this.quotedTcp(row);
    if (!cutQuotation(packets, row)) {
      drop(row, 'protocol');
      return;
    }
    const [src, sport] = [view.getUint32(quoted + 12), view.getUint16(quoted + 20)];
    const [dst, dport] = [view.getUint32(quoted + 16), view.getUint16(quoted + 22)];
    const stream = connection.senders[Connections.end(src, sport, dst, dport)]?.stream;
    if (stream) {
      const position = stream.acknowledged(view.getUint32(quoted + 24));
      if (position < stream.acked || position > stream.sent) {
        drop(row, 'unsent');
        return;
      }
      view.setUint32(quoted + 24, stream.sequenceAt(stream.inputBefore(position, false)));
    }
    this.pass(row, port, true);
  }

  /** Whether a connection is over, as the end says that is not rewritten, or that has got all. */
  private noteEnd(connection: Connection, { stream }: Sender, flags: number): void {
    if (flags & RST || (stream.ended && flags & ACK && stream.acked > stream.unacked.to)) connection.over = true;
  }

  /** When something that is withheld is to be let go; Infinity if nothing is. */
  get due(): number {
    for (const { due } of this.withholding) return due;
    return Number.POSITIVE_INFINITY;
  }

  /** Streams of which something is withheld. */
  get withheld(): number {
    return this.withholding.size;
  }

  /** Lets go what has been withheld for long enough, as long as the packet table has rows. */
  letGo(now: number, rows: number): void {
    const { packets } = this.options;
    const most = packets.used + rows;
    for (const sender of this.withholding) {
      if (sender.due > now || packets.used >= most) break;
      this.withholding.delete(sender);
      const before = sender.stream.scanner.found;
      sender.repeated++;
      this.tcp.letGo(sender);
      this.await(sender, now);
      this.replaced += sender.stream.scanner.found - before;
    }
    this.finish();
  }

  /** Puts a row among those that go on, in this order, when checksums are right. */
  private pass(row: number, port: number, changed: boolean): void {
    this.ports[row] = port;
    this.ready.add(row);
    if (changed) this.changed.add(row);
    else this.options.packets.fault[row] = 0;
  }

  /** Makes the checksums of what was changed right, and passes on what is ready. */
  private finish(): void {
    const { changed, ready, ports } = this;
    const { packets, pass, drop } = this.options;
    if (changed.count > 0) native.ipFinish(packets.bytes, changed.rows, changed.count);
    for (let i = 0; i < ready.count; i++) {
      const row = ready.rows[i]!;
      if (packets.fault[row] === 0) pass(row, ports[row]!);
      else drop(row, 'faulty');
    }
    changed.clear();
    ready.clear();
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

  private forget(sender: Sender): void {
    this.withholding.delete(sender);
    sender.stream.clear();
  }
}
