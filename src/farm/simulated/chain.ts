import { formatAddress } from '../../packet/address.js';
import { type Connection, STATE } from './connection.js';
import type { Machine } from './machine.js';
import type { Opening } from './opening.js';
import type { Sender } from './sender.js';
import type { Tcp } from './tcp.js';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const COMMAND = 'go ';
/** What a connection remembers of its line beyond the characters of COMMAND seen: digits have come; it is a comment; it is no command. */
const NUMBER = COMMAND.length + 1;
const COMMENT = 254;
const NONSENSE = 255;
const HASH = 35;

/** The most machines that one command reaches. */
const FARTHEST = 32;

/** Stands for what a worm sends to take a machine over: the same on every machine, and said first. */
export const EXPLOIT = '# This stands for what a worm sends to take a machine over. It does nothing.\n';

/**
 * A worm without malice, to show how causes spread. Told `go N` on its port, a machine connects to the same port of
 * the next address, sends it EXPLOIT, tells it `go N-1` if N is above 1, and answers where it went. Lines that begin with #
 * are passed over.
 */
export class Chain {
  private readonly machine: Machine;
  private readonly sender: Sender;
  private readonly opening: Opening;
  private readonly tcp: Tcp;

  constructor(machine: Machine, sender: Sender, opening: Opening, tcp: Tcp) {
    this.machine = machine;
    this.sender = sender;
    this.opening = opening;
    this.tcp = tcp;
  }

  /** A peer has sent a part of a line, or several lines. */
  asked(c: Connection, bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === LINE_FEED) this.command(c);
      else if (byte !== CARRIAGE_RETURN) this.character(c, byte);
    }
  }

  private character(c: Connection, byte: number): void {
    if (c.progress === COMMENT) return;
    const digit = byte - '0'.charCodeAt(0);
    const isDigit = digit >= 0 && digit <= 9;
    if (c.progress === 0 && byte === HASH) c.progress = COMMENT;
    else if (c.progress < COMMAND.length && byte === COMMAND.charCodeAt(c.progress)) c.progress++;
    else if (isDigit && (c.progress === COMMAND.length || c.progress === NUMBER)) {
      c.progress = NUMBER;
      c.hops = Math.min(255, c.hops * 10 + digit);
    } else c.progress = NONSENSE;
  }

  private command(c: Connection): void {
    const { progress, hops } = c;
    c.progress = c.hops = 0;
    if (progress === 0 || progress === COMMENT) return;
    if (progress !== NUMBER || hops < 1 || hops > FARTHEST) {
      this.say(c, `expected: go N, with N from 1 to ${FARTHEST}\r\n`);
      return;
    }
    // Lest a line of many commands makes the table forget the connection that they come by.
    this.machine.use(c);
    const onward = this.opening.connect((this.machine.header.address + 1) >>> 0, c.localPort);
    onward.partner = c.slot + 1;
    onward.hops = hops - 1;
  }

  /** A connection that this machine opened is established. */
  opened(c: Connection): void {
    this.tell(c, `went to ${formatAddress(c.remote)}\r\n`);
    this.say(c, c.hops > 0 ? `${EXPLOIT}go ${c.hops}\n` : EXPLOIT);
    if (c.hops === 0) this.tcp.close(c);
  }

  /** The machine it went to has answered: nothing more is wanted of it. */
  answered(c: Connection, bytes: Uint8Array): void {
    if (bytes.includes(LINE_FEED)) this.tcp.close(c);
  }

  /** A connection that this machine opened came to nothing. */
  failed(c: Connection): void {
    if (c.state === STATE.synSent) this.tell(c, `could not go to ${formatAddress(c.remote)}\r\n`);
  }

  private say(c: Connection, text: string): void {
    this.machine.queue(c, Buffer.from(text, 'latin1'));
  }

  /** Answers on the connection that asked for this one, if it is still there. */
  private tell(c: Connection, text: string): void {
    const partner = this.machine.connections[c.partner - 1];
    c.partner = 0;
    if (partner?.state !== STATE.established) return;
    this.say(partner, text);
    this.sender.flush(partner, false);
  }
}
