import { record } from './record.js';

/** States of a connection (RFC 9293 3.3.2). A free slot is closed, as is all memory of a fresh clone. */
export const STATE = {
  closed: 0,
  synSent: 1,
  synReceived: 2,
  established: 3,
  finWait1: 4,
  finWait2: 5,
  closeWait: 6,
  closing: 7,
  lastAck: 8,
  timeWait: 9,
} as const;

/** Bits of a connection's `flags`. */
export const FLAG = {
  /** This machine opened it. */
  active: 1,
  /** The machine has closed it; the FIN waits behind the queued data, or is on its way. */
  fin: 2,
  /** A segment timed out; what was sent before is sent again as acknowledgments come in. */
  recovering: 4,
  timestamps: 8,
  sack: 16,
  windowScale: 32,
  /** Received data goes into the send buffer, so the window is what is free there. */
  echo: 64,
} as const;

/** What a machine remembers of a connection: 64 bytes. */
const LAYOUT = {
  /** Address and port of the peer, port of this machine. */
  remote: 'u32',
  remotePort: 'u16',
  localPort: 'u16',
  state: 'u8',
  flags: 'u8',
  /** Times the oldest unacknowledged segment was sent again. */
  retries: 'u8',
  /** Shift of the windows that the peer announces (RFC 7323). */
  peerShift: 'u8',
  /** What the service remembers. */
  progress: 'u8',
  hops: 'u8',
  /** Slot plus 1 of the connection that asked for this one. */
  partner: 'u8',
  /** Shift of the windows that this machine announces. */
  ownShift: 'u8',
  /** Hardware address of the peer, 0 while it is not known. */
  mac: 'u48',
  /** Bytes of data that fit into a segment. */
  mss: 'u16',
  /** Bytes in the send buffer, from sndUna. */
  queued: 'u16',
  sndUna: 'u32',
  sndNxt: 'u32',
  /** The peer's window in bytes. */
  sndWnd: 'u32',
  rcvNxt: 'u32',
  /** What was sent up to here before a timeout is being recovered. */
  recover: 'u32',
  /** The timestamp to echo (RFC 7323). */
  tsRecent: 'u32',
  /** Grows with each use of any connection: the smallest was idle longest. */
  used: 'u32',
  reserved: 'u16',
  /** Time of its timer, 0 if none runs. */
  due: 'f64',
} as const;

export class Connection extends record(LAYOUT) {
  readonly slot: number;

  constructor(view: DataView, at: number, slot: number) {
    super(view, at);
    this.slot = slot;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Sequence numbers sent and not acknowledged. */
  get flight(): number {
    return (this.sndNxt - this.sndUna) >>> 0;
  }
}

/** Whether sequence number a is after b, modulo 2^32. */
export function after(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}
