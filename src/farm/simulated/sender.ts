import { type Connection, FLAG, STATE } from './connection.js';
import { SEND_BUFFER } from './layout.js';
import type { Machine } from './machine.js';
import { OPTION, type Segment, TCP } from './segment.js';
import { PROTOCOL, Transmitter } from './transmitter.js';

const { PAYLOAD } = Transmitter;

/** Seconds until an unacknowledged segment is sent again for the first time (RFC 6298); doubled each time. */
const TIMEOUT = 1;
/** Segments that may be in flight (RFC 6928). The send buffer is so small that congestion control adds nothing. */
const IN_FLIGHT = 10;

/** The half of TCP that sends: segments, their retransmission, and the timer for it. */
export class Sender {
  private readonly machine: Machine;
  private readonly transmitter: Transmitter;

  constructor(machine: Machine, transmitter: Transmitter) {
    this.machine = machine;
    this.transmitter = transmitter;
  }

  /** Bytes that a connection takes now: what it announces as its window. */
  window(c: Connection): number {
    const { window } = this.machine.profile;
    return c.has(FLAG.echo) ? Math.min(window, SEND_BUFFER - c.queued) : window;
  }

  /** Sends what the peer's window allows; if that is nothing, an acknowledgment where one is due. */
  flush(c: Connection, acknowledge: boolean): void {
    let sent = false;
    // A flight longer than the queue holds the FIN, after which nothing comes.
    while (c.flight <= c.queued) {
      const waiting = c.queued - c.flight;
      const room = Math.min(c.sndWnd, IN_FLIGHT * c.mss) - c.flight;
      const length = Math.max(0, Math.min(waiting, room, c.mss));
      const fin = c.has(FLAG.fin) && length === waiting;
      if (length === 0 && !fin) break;
      // RFC 9293 3.8.6.2.1: no small segments while more waits for an acknowledgment.
      if (length < c.mss && length < waiting && c.flight > 0) break;
      this.data(c, c.flight, length, fin);
      c.sndNxt += length + Number(fin);
      sent = true;
    }
    if (!sent && acknowledge) this.acknowledge(c);
    const unfinished = c.flight > 0 || c.queued > 0 || c.has(FLAG.fin);
    if (unfinished && c.due === 0) this.arm(c);
  }

  /** Sends the SYN, or SYN and ACK, of a connection; or asks for the hardware address it needs for that. */
  syn(c: Connection): void {
    const { profile } = this.machine;
    if (c.mac === 0) {
      this.transmitter.arpRequest(c.remote);
      return;
    }
    const flags = TCP.syn | (c.state === STATE.synReceived ? TCP.ack : 0);
    const length = this.synOptions(c, PAYLOAD + 20);
    this.segment(c, flags, (c.sndNxt - 1) >>> 0, Math.min(profile.window, 0xffff), length, 0);
  }

  acknowledge(c: Connection): void {
    this.data(c, c.flight, 0, false);
  }

  /** Sends the oldest unacknowledged segment again, or probes a closed window with one byte (RFC 9293 3.8.6.1). */
  retransmit(c: Connection): void {
    if (c.state === STATE.synSent || c.state === STATE.synReceived) {
      this.syn(c);
      return;
    }
    const length = Math.min(c.queued, c.mss, Math.max(1, c.sndWnd));
    const fin = c.has(FLAG.fin) && length === c.queued;
    this.data(c, 0, length, fin);
    const sent = length + Number(fin);
    if (c.flight < sent) c.sndNxt = c.sndUna + sent;
  }

  /** Starts the retransmission timer. */
  arm(c: Connection): void {
    c.due = this.machine.now + TIMEOUT * 2 ** c.retries;
  }

  /** Resets a connection that does not exist (RFC 9293 3.10.7.1). */
  refuse(s: Segment): void {
    if (s.has(TCP.rst)) return;
    const { view } = this.transmitter;
    const known = s.has(TCP.ack);
    view.setUint16(PAYLOAD, s.dport);
    view.setUint16(PAYLOAD + 2, s.sport);
    view.setUint32(PAYLOAD + 4, known ? s.ack : 0);
    view.setUint32(PAYLOAD + 8, known ? 0 : s.seq + s.span);
    view.setUint16(PAYLOAD + 12, (5 << 12) | (known ? TCP.rst : TCP.rst | TCP.ack));
    view.setUint16(PAYLOAD + 14, 0);
    view.setUint32(PAYLOAD + 16, 0);
    this.transmitter.ip(PROTOCOL.tcp, s.src, s.mac, 20);
  }

  /** Sends `length` bytes from `offset` of the send buffer. */
  private data(c: Connection, offset: number, length: number, fin: boolean): void {
    const options = this.timestamp(c, PAYLOAD + 20);
    const at = PAYLOAD + 20 + options;
    this.machine.peek(c, offset, this.transmitter.bytes.subarray(at, at + length));
    const flags = TCP.ack | (length > 0 ? TCP.psh : 0) | (fin ? TCP.fin : 0);
    this.segment(c, flags, c.sndUna + offset, Math.min(this.window(c) >> c.ownShift, 0xffff), options, length);
  }

  private segment(c: Connection, flags: number, seq: number, window: number, options: number, length: number): void {
    const { view } = this.transmitter;
    view.setUint16(PAYLOAD, c.localPort);
    view.setUint16(PAYLOAD + 2, c.remotePort);
    view.setUint32(PAYLOAD + 4, seq);
    view.setUint32(PAYLOAD + 8, flags & TCP.ack ? c.rcvNxt : 0);
    view.setUint16(PAYLOAD + 12, ((20 + options) << 10) | flags);
    view.setUint16(PAYLOAD + 14, window);
    view.setUint32(PAYLOAD + 16, 0);
    this.transmitter.ip(PROTOCOL.tcp, c.remote, c.mac, 20 + options + length);
  }

  private timestamp(c: Connection, at: number): number {
    if (!c.has(FLAG.timestamps)) return 0;
    this.transmitter.view.setUint16(at, (OPTION.nop << 8) | OPTION.nop);
    return 2 + this.timestampOption(c, at + 2);
  }

  private timestampOption(c: Connection, at: number): number {
    const { view } = this.transmitter;
    view.setUint16(at, (OPTION.timestamp << 8) | 10);
    view.setUint32(at + 2, Math.floor(this.machine.now * 1000) + this.machine.random('timestamp'));
    view.setUint32(at + 6, c.tsRecent);
    return 10;
  }

  /** Writes the options of a SYN in the profile's order, without those that the peer did not offer. */
  private synOptions(c: Connection, start: number): number {
    const { view } = this.transmitter;
    const { options, mss, windowScale } = this.machine.profile;
    let at = start;
    let nops = 0;
    for (const option of options) {
      if (option === 'nop') {
        nops++;
        continue;
      }
      const flag = { mss: undefined, wscale: FLAG.windowScale, sack: FLAG.sack, timestamp: FLAG.timestamps }[option];
      const offered = flag === undefined || c.has(flag);
      for (; nops > 0; nops--) if (offered) view.setUint8(at++, OPTION.nop);
      if (!offered) continue;
      view.setUint8(at, OPTION[option]);
      if (option === 'timestamp') at += this.timestampOption(c, at);
      else if (option === 'mss') {
        view.setUint8(at + 1, 4);
        view.setUint16(at + 2, mss);
        at += 4;
      } else if (option === 'wscale') {
        view.setUint8(at + 1, 3);
        view.setUint8(at + 2, windowScale);
        at += 3;
      } else {
        view.setUint8(at + 1, 2);
        at += 2;
      }
    }
    while ((at - start) % 4 !== 0) view.setUint8(at++, OPTION.nop);
    return at - start;
  }
}
