import type { Packets } from '../packets.js';
import { TCP_FLAG } from '../protocol.js';
import { mapSack } from './sack.js';
import { plainFlags, Template, writeSegment } from './segment.js';
import type { Stream } from './stream.js';

const { fin: FIN, syn: SYN, rst: RST, psh: PSH, ack: ACK, urg: URG } = TCP_FLAG;

/** The largest segment that is made, whatever the sender makes. */
const MOST = 1460;

/** What becomes of a segment that is not passed on. */
export type Refusal = 'full' | 'unsent' | 'ended';

/** One direction of a connection: its stream, and how its segments look. */
export class Sender {
  readonly stream: Stream;
  /** The port of the element by which its packets go. */
  readonly port: number;
  readonly template = new Template();
  /** Whether it has said that it gives up. */
  reset = false;
  /** When what is withheld is let go, or sent again; and how often it was. */
  due = 0;
  repeated = 0;
  /** The headers by which the other end acknowledges, where that goes, and the sequence number that is next there. */
  readonly answers = new Template();
  answerPort = -1;
  answerNext = 0;

  constructor(stream: Stream, port: number) {
    this.stream = stream;
    this.port = port;
  }
}

export interface TcpOptions {
  readonly packets: Packets;
  /** Takes a row that is complete but for its checksums. */
  emit(row: number, port: number): void;
}

/** Makes the segments of rewritten streams (RFC 9293): what the one end sends, and what the other acknowledges. */
export class TcpRewriter {
  private readonly packets: Packets;
  private readonly emit: TcpOptions['emit'];

  constructor({ packets, emit }: TcpOptions) {
    this.packets = packets;
    this.emit = emit;
  }

  /**
   * Maps what a row acknowledges of another end's stream to what that end has sent.
   * @returns why it may not be passed on, if so
   */
  acknowledge(row: number, { stream }: Sender): Refusal | undefined {
    const { view, start, ipHeader, tcpFlags } = this.packets;
    if (!(tcpFlags[row]! & ACK)) return undefined;
    const tcp = start[row]! + ipHeader[row]!;
    const position = stream.acknowledged(view.getUint32(tcp + 8));
    // Nobody can have what was not sent; a reset is believed whatever it says of that.
    if (position > stream.sent && !(tcpFlags[row]! & RST)) return 'unsent';
    const known = Math.min(position, stream.sent);
    stream.acknowledge(known);
    if (position >= stream.acked) stream.window = view.getUint16(tcp + 14);
    stream.room = Math.max(stream.room, known + view.getUint16(tcp + 14));
    const arrived = stream.inputBefore(known, false);
    // What was acknowledged long ago stays so long ago.
    const tells = position < stream.acked ? arrived : Math.max(stream.told, arrived);
    stream.told = Math.max(stream.told, tells);
    view.setUint32(tcp + 8, stream.sequenceAt(tells));
    mapSack(this.packets, row, stream);
    return undefined;
  }

  /**
   * Keeps the headers of a segment that goes the other way, to acknowledge for the end that sent it.
   * @param stream what that end sends, if that is rewritten
   */
  remember(row: number, sender: Sender, port: number): void {
    const { view, start, ipHeader, tcpFlags, length, payload } = this.packets;
    const flags = tcpFlags[row]!;
    if (flags & RST || !(flags & ACK)) return;
    sender.answers.save(this.packets, row);
    sender.answerPort = port;
    const sequence = view.getUint32(start[row]! + ipHeader[row]! + 4);
    sender.answerNext = (sequence + length[row]! - payload[row]! + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0)) >>> 0;
  }

  /**
   * A sender repeats what is withheld, and nothing else is on the way: it may have more to say, and waits until that has
   * arrived. So it is told that it has.
   */
  private answer(sender: Sender): void {
    const { stream } = sender;
    if (stream.scanner.withheld === 0 || stream.acked !== stream.unacked.to || sender.answerPort < 0) return;
    const { packets } = this;
    const row = sender.answers.make(packets);
    if (row < 0) return;
    stream.told = stream.taken;
    const tcp = packets.start[row]! + packets.ipHeader[row]!;
    packets.view.setUint32(tcp + 4, sender.answerNext);
    packets.view.setUint32(tcp + 8, stream.sequenceAt(stream.told));
    packets.view.setUint8(tcp + 13, ACK);
    packets.view.setUint16(tcp + 18, 0);
    packets.tcpFlags[row] = ACK;
    packets.length[row] = packets.payload[row]!;
    packets.view.setUint16(packets.start[row]! + 2, packets.length[row]!);
    this.emit(row, sender.answerPort);
  }

  /** Turns a segment of the sender into what its stream has become, and passes it on. @returns why not, if so */
  send(row: number, sender: Sender): Refusal | undefined {
    const { packets } = this;
    const { stream } = sender;
    const flags = packets.tcpFlags[row]!;
    const start = packets.start[row]!;
    const tcp = start + packets.ipHeader[row]!;
    const from = start + packets.payload[row]!;
    const length = packets.length[row]! - packets.payload[row]!;
    sender.template.save(packets, row);
    stream.mss = Math.min(MOST, Math.max(stream.mss, length));
    const sequence = stream.positionOf(packets.view.getUint32(tcp + 4));
    sender.reset = (flags & RST) !== 0;
    if (sender.reset) {
      this.write(row, sender, this.outputOf(stream, sequence), 0, flags & ~FIN);
      return undefined;
    }
    const at = flags & SYN ? sequence + 1 : sequence;
    const end = at + length;
    const expected = stream.taken;
    if (length > 0 && end > expected) {
      const refusal = this.takeData(stream, at, from, length);
      if (refusal) return refusal;
    }
    if (flags & FIN && !stream.ended && end >= stream.taken) stream.early.end ??= end;
    if (stream.early.end === stream.taken && !stream.ended) stream.takeEnd();
    if (flags & SYN) this.sendSyn(row, sender, flags, length);
    else if (length === 0 && !(flags & FIN)) this.write(row, sender, this.outputOf(stream, at), 0, flags);
    // It came before what it follows. What it acknowledges does not wait for that.
    else if (at > expected) this.write(row, sender, stream.sent, 0, plainFlags(flags));
    else {
      this.sendData(row, sender, at, stream.taken > expected ? undefined : end, flags);
      if (stream.taken === expected) this.answer(sender);
    }
    return undefined;
  }

  /** Gives up what a sender's stream withholds, and sends it; or sends again what its sender does not. */
  letGo(sender: Sender): void {
    const { stream } = sender;
    const again = stream.scanner.withheld === 0;
    if (!again && stream.blocked) return;
    if (!again) stream.letGo();
    this.pump(sender, again ? stream.unacked.from : stream.sent);
  }

  /** Sends output from a position on, as far as its receiver has room: that which nobody has sent yet. */
  pump(sender: Sender, from = sender.stream.sent): void {
    const { stream, template } = sender;
    // Before the handshake is over there is nobody to take it, and after a reset neither.
    if (stream.acked === 0 || sender.reset) return;
    const { to } = stream.unacked;
    const last = Math.min(to, stream.limit);
    for (let at = from; at < last || (last === to && at === to && stream.ended); ) {
      const row = template.make(this.packets);
      if (row < 0) return;
      const length = Math.min(stream.mss, last - at);
      const atEnd = at + length === to;
      const ends = atEnd && stream.ended;
      this.write(row, sender, at, length, ACK | (atEnd ? PSH : 0) | (ends ? FIN : 0));
      at += length + (ends ? 1 : 0);
    }
  }

  /** The output position of a segment without data. Before what is acknowledged one is as good as another. */
  private outputOf(stream: Stream, position: number): number {
    if (position >= stream.taken) return stream.sent;
    return Math.max(stream.acked - 1, stream.outputOf(position, false), stream.start - 1, 0);
  }

  private takeData(stream: Stream, at: number, from: number, length: number): Refusal | undefined {
    const { bytes } = this.packets;
    if (stream.ended) return 'ended';
    // Behind the end that was said first there is nothing.
    const end = Math.min(at + length, stream.early.end ?? Number.POSITIVE_INFINITY);
    if (end <= stream.taken) return undefined;
    if (at > stream.taken) return stream.holds(at, bytes, from, from + end - at) ? undefined : 'full';
    const skip = stream.taken - at;
    if (!stream.hasRoom(end - stream.taken)) return 'full';
    stream.take(bytes, from + skip, from + end - at);
    for (let held = stream.early.take(stream.taken); held; held = stream.early.take(stream.taken)) {
      // What finds no room now is sent again.
      if (!stream.hasRoom(held.length)) break;
      const length = Math.min(held.length, (stream.early.end ?? Number.POSITIVE_INFINITY) - stream.taken);
      if (length <= 0) break;
      stream.take(held, 0, length);
    }
    return undefined;
  }

  /** Data on a SYN (RFC 7413) stays as long as it was: what it has grown by follows when the handshake is over. */
  private sendSyn(row: number, sender: Sender, flags: number, length: number): void {
    const { unacked } = sender.stream;
    const sent = unacked.from === 1 ? Math.min(length, unacked.to - 1) : 0;
    this.write(row, sender, 0, sent, flags);
  }

  /**
   * Sends the output of input from a position on.
   * @param end where the input ends; undefined if it is new, and all output may be sent
   */
  private sendData(row: number, sender: Sender, at: number, end: number | undefined, flags: number): void {
    const { stream } = sender;
    const { unacked } = stream;
    const last = Math.min(end === undefined ? unacked.to : stream.outputOf(end, true), unacked.to, stream.limit);
    const ends = stream.ended && last === unacked.to && (end === undefined || (flags & FIN) !== 0);
    const plain = plainFlags(flags);
    // What the sender believes to have arrived comes before what it sends now.
    const begin = at <= stream.told ? 0 : stream.outputOf(at, false);
    let from = Math.max(unacked.from, Math.min(begin, stream.sent));
    if (from >= last) {
      if (ends) this.write(row, sender, unacked.to, 0, plain | FIN);
      else this.write(row, sender, this.probes(stream, end) ? this.before(stream) : stream.sent, 0, plain);
      return;
    }
    // What finds no row is sent when something is acknowledged, or again.
    for (let next = row; next >= 0; next = sender.template.make(this.packets)) {
      const length = Math.min(stream.mss, last - from);
      const atEnd = from + length === last;
      this.write(next, sender, from, length, plain | (atEnd ? (flags & PSH) | (ends ? FIN : 0) : 0));
      from += length;
      if (atEnd) return;
    }
  }

  /** Whether nobody else makes the receiver tell how far it is: all was left out, or sent before, or finds no room. */
  private probes(stream: Stream, end: number | undefined): boolean {
    return end !== undefined || stream.sent < stream.unacked.to || stream.scanner.withheld === 0;
  }

  /** A position that every receiver answers with an acknowledgement (RFC 9293 3.10.7.4): it has that already. */
  private before(stream: Stream): number {
    return Math.max(0, stream.acked - 1);
  }

  private write(row: number, sender: Sender, at: number, length: number, flags: number): void {
    const { stream } = sender;
    writeSegment(this.packets, row, stream, flags & SYN ? 0 : at, length, flags & ~URG);
    const end = at + length + (flags & (FIN | SYN) ? 1 : 0);
    if (!(flags & RST)) stream.sent = Math.max(stream.sent, Math.min(end, stream.end));
    this.emit(row, sender.port);
  }
}
