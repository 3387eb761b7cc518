import { after, type Connection, FLAG, STATE } from './connection.js';
import type { Machine } from './machine.js';
import type { Applications, Opening } from './opening.js';
import { type Segment, TCP } from './segment.js';
import type { Sender } from './sender.js';

/** Times that a segment is sent again before the connection is given up. */
const RETRIES = 5;
/** Seconds. TIME-WAIT is short, so that a scan of many ports does not fill the table. */
const TIME_WAIT = 2;
const FIN_WAIT_2 = 30;
/**
 * TCP (RFC 9293 3.10.7) for the machine that runs now. Segments that are out of order are not kept: the duplicate
 * acknowledgment makes the peer send them again.
 */
export class Tcp {
  private readonly machine: Machine;
  private readonly sender: Sender;
  private readonly opening: Opening;
  /** Set by whoever makes both: they need each other. */
  applications!: Pick<Applications, 'data' | 'room' | 'ended'>;

  constructor(machine: Machine, sender: Sender, opening: Opening) {
    this.machine = machine;
    this.sender = sender;
    this.opening = opening;
  }

  receive(s: Segment): void {
    const c = this.machine.find(s.src, s.sport, s.dport);
    if (!c) this.opening.listen(s);
    else if (c.state === STATE.synSent) this.opening.synSent(c, s);
    else if (c.state === STATE.timeWait && this.reopens(c, s)) {
      this.machine.free(c);
      this.opening.listen(s);
    } else this.synchronized(c, s);
  }

  /** Closes this machine's end, after what is queued has been sent. */
  close(c: Connection): void {
    c.flags |= FLAG.fin;
    if (c.state === STATE.established) c.state = STATE.finWait1;
    else if (c.state === STATE.closeWait) c.state = STATE.lastAck;
  }

  /** The timer of a connection has run out. */
  timeout(c: Connection): void {
    c.due = 0;
    if (c.state === STATE.timeWait || c.state === STATE.finWait2) this.machine.free(c);
    else if (c.retries === RETRIES) this.opening.fail(c);
    else {
      c.retries++;
      c.flags |= FLAG.recovering;
      this.sender.retransmit(c);
      c.recover = c.sndNxt;
      this.sender.arm(c);
    }
  }

  /** A SYN to a connection in TIME-WAIT opens a new one if it is newer than all of the old one. */
  private reopens(c: Connection, s: Segment): boolean {
    return s.has(TCP.syn) && !s.has(TCP.ack | TCP.rst) && after(s.seq, c.rcvNxt);
  }

  /** A segment for a connection that is at least in SYN-RECEIVED. */
  private synchronized(c: Connection, s: Segment): void {
    const opening = c.state === STATE.synReceived;
    if (opening && s.has(TCP.syn) && s.seq === (c.rcvNxt - 1) >>> 0) {
      if (!s.has(TCP.ack)) {
        this.sender.syn(c);
        return;
      }
      // The SYN and ACK of a peer that opened at the same time: its SYN is known, its ACK is new.
      s.flags &= ~TCP.syn;
      s.seq = c.rcvNxt;
    }
    if (!this.acceptable(c, s)) {
      if (s.has(TCP.rst)) return;
      if (c.state === STATE.timeWait && s.has(TCP.fin)) c.due = this.machine.now + TIME_WAIT;
      this.sender.acknowledge(c);
    } else if (s.has(TCP.rst)) {
      // RFC 9293 3.10.7.4: a reset that does not hit the very next byte may be forged.
      if (s.seq === c.rcvNxt) this.opening.fail(c);
      else this.sender.acknowledge(c);
    } else if (s.has(TCP.syn)) this.sender.acknowledge(c);
    else if (s.has(TCP.ack)) {
      if (!opening) this.established(c, s);
      else if (s.ack !== c.sndNxt) this.sender.refuse(s);
      else {
        c.sndWnd = s.window << c.peerShift;
        this.opening.establish(c, s);
        this.established(c, s);
      }
    }
  }

  private acceptable(c: Connection, s: Segment): boolean {
    const { span } = s;
    const offset = (s.seq - c.rcvNxt) | 0;
    if (offset >= this.machine.profile.window || offset + Math.max(1, span) <= 0) return false;
    // RFC 7323 5: an older timestamp shows a duplicate from the past. RSTs are exempt.
    const old = c.has(FLAG.timestamps) && s.timestamp !== undefined && after(c.tsRecent, s.timestamp);
    return !old || s.has(TCP.rst);
  }

  private established(c: Connection, s: Segment): void {
    this.machine.use(c);
    const window = this.sender.window(c);
    if (!this.acknowledged(c, s)) return;
    if (c.state === STATE.established || c.state === STATE.closeWait) this.applications.room?.(c);
    const offset = (c.rcvNxt - s.seq) | 0;
    if (offset >= 0) {
      if (s.timestamp !== undefined) c.tsRecent = s.timestamp;
      this.take(c, s, s.payload.subarray(offset));
    }
    const opened = window < c.mss && this.sender.window(c) >= c.mss;
    this.sender.flush(c, s.span > 0 || opened);
  }

  /** Processes the acknowledgment. False if there is nothing more to do for the segment. */
  private acknowledged(c: Connection, s: Segment): boolean {
    if (after(s.ack, c.sndNxt)) {
      this.sender.acknowledge(c);
      return false;
    }
    const count = (s.ack - c.sndUna) | 0;
    if (count < 0) return true;
    const wasClosed = c.sndWnd === 0;
    c.sndWnd = s.window << c.peerShift;
    if (count === 0) {
      // A window that opens has lost the probe that was sent while it was closed.
      if (wasClosed && c.sndWnd > 0 && c.flight > 0) {
        c.retries = 0;
        this.sender.retransmit(c);
        this.sender.arm(c);
      }
      return true;
    }
    const finished = count > c.queued;
    this.machine.discard(c, Math.min(count, c.queued));
    c.sndUna = s.ack;
    c.retries = 0;
    c.due = 0;
    if (finished) return this.finished(c);
    if (!after(c.recover, c.sndUna)) c.flags &= ~FLAG.recovering;
    else if (c.has(FLAG.recovering)) this.sender.retransmit(c);
    if (c.flight > 0) this.sender.arm(c);
    return true;
  }

  /** Our FIN is acknowledged. False if that was the end of the connection. */
  private finished(c: Connection): boolean {
    c.flags &= ~(FLAG.fin | FLAG.recovering);
    if (c.state === STATE.lastAck) {
      this.machine.free(c);
      return false;
    }
    if (c.state === STATE.closing) this.wait(c, STATE.timeWait, TIME_WAIT);
    else if (c.state === STATE.finWait1) this.wait(c, STATE.finWait2, FIN_WAIT_2);
    return true;
  }

  private wait(c: Connection, state: number, seconds: number): void {
    c.state = state;
    c.due = this.machine.now + seconds;
  }

  /** Hands over data that is in order, and then the peer's FIN. */
  private take(c: Connection, s: Segment, bytes: Uint8Array): void {
    const ends = s.has(TCP.fin);
    if (c.state === STATE.established) {
      const taken = bytes.length > 0 ? this.applications.data(c, bytes) : 0;
      c.rcvNxt += taken;
      if (!ends || taken < bytes.length) return;
    } else if (c.state === STATE.finWait1 || c.state === STATE.finWait2) {
      // This machine has closed: what still comes is read by nobody.
      c.rcvNxt += bytes.length;
      if (!ends) return;
    } else return;
    c.rcvNxt++;
    // The application may have closed the connection while it read.
    const state = c.state as number;
    if (state === STATE.established) {
      c.state = STATE.closeWait;
      if (this.applications.ended?.(c) ?? true) this.close(c);
    } else if (state === STATE.finWait1) c.state = STATE.closing;
    else this.wait(c, STATE.timeWait, TIME_WAIT);
  }
}
