import { Chain } from './chain.js';
import { type Connection, FLAG } from './connection.js';
import type { Machine } from './machine.js';
import type { Applications, Opening } from './opening.js';
import type { Sender } from './sender.js';
import type { Tcp } from './tcp.js';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** What an HTTP connection remembers: how far the blank line after the request has been seen, and the method. */
const LINE_ENDED = 1;
const STARTED = 2;
const HEAD = 4;

/** The services of a simulated machine. */
export class Services implements Applications {
  private readonly machine: Machine;
  private readonly tcp: Tcp;
  private readonly chain: Chain;

  constructor(machine: Machine, sender: Sender, opening: Opening, tcp: Tcp) {
    this.machine = machine;
    this.tcp = tcp;
    this.chain = new Chain(machine, sender, opening, tcp);
  }

  opened(c: Connection): void {
    if (c.has(FLAG.active)) this.chain.opened(c);
    else {
      const service = this.machine.profile.tcp.of(c.localPort);
      if (typeof service === 'object' && service.kind === 'banner') this.send(c, service.text);
    }
  }

  data(c: Connection, bytes: Uint8Array): number {
    if (c.has(FLAG.active)) this.chain.answered(c, bytes);
    else {
      const service = this.machine.profile.tcp.of(c.localPort);
      if (typeof service === 'string') return bytes.length;
      if (service.kind === 'echo') return this.machine.queue(c, bytes);
      if (service.kind === 'chain') this.chain.asked(c, bytes);
      else if (service.kind === 'http' && this.requestEnds(c, bytes)) this.respond(c, service.title, service.server);
    }
    return bytes.length;
  }

  failed(c: Connection): void {
    if (c.has(FLAG.active)) this.chain.failed(c);
  }

  private send(c: Connection, text: string): void {
    this.machine.queue(c, Buffer.from(this.expand(text), 'latin1'));
  }

  private expand(text: string): string {
    return text.replaceAll('%h', () => this.machine.hostname);
  }

  /** Whether the blank line that ends a request's header is in these bytes. */
  private requestEnds(c: Connection, bytes: Uint8Array): boolean {
    for (const byte of bytes) {
      if (!(c.progress & STARTED)) c.progress |= STARTED | (byte === 'H'.charCodeAt(0) ? HEAD : 0);
      if (byte === LINE_FEED) {
        if (c.progress & LINE_ENDED) return true;
        c.progress |= LINE_ENDED;
      } else if (byte !== CARRIAGE_RETURN) c.progress &= ~LINE_ENDED;
    }
    return false;
  }

  /** Answers an HTTP request with the machine's one page (RFC 1945) and closes. */
  private respond(c: Connection, title: string, server: string): void {
    const escaped = this.expand(title).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    const body = `<html><head><title>${escaped}</title></head><body><h1>${escaped}</h1></body></html>\n`;
    const header = [
      'HTTP/1.0 200 OK',
      `Date: ${new Date(this.machine.now * 1000).toUTCString()}`,
      `Server: ${this.expand(server)}`,
      'Content-Type: text/html',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    const text = `${header.join('\r\n')}\r\n\r\n${c.progress & HEAD ? '' : body}`;
    this.machine.queue(c, Buffer.from(text, 'latin1'));
    this.tcp.close(c);
  }
}
