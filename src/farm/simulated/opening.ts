import { type Connection, FLAG, STATE } from './connection.js';
import type { Machine } from './machine.js';
import type { TcpService } from './profile.js';
import { type Segment, TCP } from './segment.js';
import type { Sender } from './sender.js';

/** The smallest and the default segment that a peer may ask for (RFC 9293 3.7.1). */
const LEAST_MSS = 48;
const DEFAULT_MSS = 536;

/** What runs on top of TCP. */
export interface Applications {
  /** The handshake is complete. */
  opened(connection: Connection): void;
  /** Data has come in order. Returns how many bytes were taken; the peer will send the rest again. */
  data(connection: Connection, bytes: Uint8Array): number;
  /** Queued data has been acknowledged, so there is room for more. */
  room?(connection: Connection): void;
  /** The peer says no more. Returns whether this end is to be closed too; if not, it is by `close`. */
  ended?(connection: Connection): boolean;
  /** The connection ended by a reset or by silence, or has never come to be. */
  failed(connection: Connection): void;
}

/** How connections come to be: the first half of TCP (RFC 9293 3.10.7.2 and 3.10.7.3). */
export class Opening {
  private readonly machine: Machine;
  private readonly sender: Sender;
  /** Set by whoever makes both: they need each other. */
  applications!: Applications;

  constructor(machine: Machine, sender: Sender) {
    this.machine = machine;
    this.sender = sender;
  }

  /** Opens a connection to an address. Its SYN leaves when the neighbour's hardware address is known. */
  connect(address: number, port: number): Connection {
    const { machine } = this;
    const { header, profile } = machine;
    const c = machine.allocate();
    const first = machine.random('port');
    do c.localPort = 49152 + ((first + header.opened++) & 0x3fff);
    while (machine.find(address, port, c.localPort));
    c.remote = address;
    c.remotePort = port;
    c.state = STATE.synSent;
    c.flags = FLAG.active | offers(profile.options);
    c.mss = DEFAULT_MSS;
    this.start(c);
    return c;
  }

  /** A neighbour's hardware address has become known: connections that waited for it start. */
  resolved(address: number, mac: number): void {
    for (const c of this.machine.connections) {
      if (c.state !== STATE.synSent || c.remote !== address || c.mac !== 0) continue;
      c.mac = mac;
      this.sender.syn(c);
    }
  }

  /** A segment for no connection. */
  listen(s: Segment): void {
    const { machine } = this;
    const rule = machine.profile.tcp.of(s.dport);
    if (rule === 'filtered' || s.has(TCP.rst)) return;
    if (rule === 'closed' || s.has(TCP.ack)) this.sender.refuse(s);
    else if (s.has(TCP.syn) && !s.has(TCP.fin)) this.accept(s, rule);
  }

  /** A segment for a connection in SYN-SENT. */
  synSent(c: Connection, s: Segment): void {
    const acceptable = s.has(TCP.ack) && s.ack === c.sndNxt;
    if (s.has(TCP.ack) && !acceptable) this.sender.refuse(s);
    else if (s.has(TCP.rst)) {
      if (acceptable) this.fail(c);
    } else if (s.has(TCP.syn)) {
      c.mac = s.mac;
      this.negotiate(c, s);
      if (acceptable) this.establish(c, s);
      else {
        // Both sides opened at once (RFC 9293 3.5).
        c.state = STATE.synReceived;
        this.sender.syn(c);
        this.sender.arm(c);
      }
    }
  }

  /** The handshake is complete. */
  establish(c: Connection, s: Segment): void {
    c.state = STATE.established;
    c.sndUna = s.ack;
    c.retries = 0;
    c.due = 0;
    c.flags &= ~FLAG.recovering;
    this.machine.use(c);
    this.applications.opened(c);
    this.sender.flush(c, s.has(TCP.syn));
  }

  /** A connection ends that nobody has closed. */
  fail(c: Connection): void {
    this.applications.failed(c);
    this.machine.free(c);
  }

  private accept(s: Segment, { kind }: TcpService): void {
    const c = this.machine.allocate();
    c.remote = s.src;
    c.remotePort = s.sport;
    c.localPort = s.dport;
    c.mac = s.mac;
    c.state = STATE.synReceived;
    c.flags = offers(this.machine.profile.options) | (kind === 'echo' ? FLAG.echo : 0);
    this.machine.dirty(this.machine.profile.dirty.connection);
    this.negotiate(c, s);
    this.start(c);
  }

  /** Chooses the initial sequence number (RFC 6528) and sends the SYN. */
  private start(c: Connection): void {
    const { machine } = this;
    const offset = machine.random('sequence', c.remote, (c.remotePort << 16) | c.localPort);
    c.sndUna = Math.floor(machine.now * 250_000) + offset;
    c.sndNxt = c.sndUna + 1;
    this.sender.syn(c);
    this.sender.arm(c);
  }

  /** Takes over what the peer's SYN says. What it did not offer is not used. */
  private negotiate(c: Connection, s: Segment): void {
    const { mss, windowScale } = this.machine.profile;
    c.rcvNxt = s.seq + 1;
    c.sndWnd = s.window;
    if (s.windowScale === undefined) c.flags &= ~FLAG.windowScale;
    if (s.timestamp === undefined) c.flags &= ~FLAG.timestamps;
    if (!s.sackPermitted) c.flags &= ~FLAG.sack;
    if (c.has(FLAG.windowScale)) {
      c.peerShift = s.windowScale ?? 0;
      c.ownShift = windowScale;
    }
    if (c.has(FLAG.timestamps)) c.tsRecent = s.timestamp ?? 0;
    c.mss = Math.max(LEAST_MSS, Math.min(s.mss ?? DEFAULT_MSS, mss) - (c.has(FLAG.timestamps) ? 12 : 0));
  }
}

function offers(options: readonly string[]): number {
  return (
    (options.includes('wscale') ? FLAG.windowScale : 0) |
    (options.includes('timestamp') ? FLAG.timestamps : 0) |
    (options.includes('sack') ? FLAG.sack : 0)
  );
}
