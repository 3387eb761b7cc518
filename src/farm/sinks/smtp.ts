import { type Keeping, KeptMessage } from './kept-message.js';
import { Lines } from './lines.js';
import type { Peer, Speaker, Talk } from './peer.js';

export interface SmtpOptions extends Keeping {
  /** The name that it greets with, and what follows in the greeting. */
  readonly host: string;
  readonly banner: string;
}

/** RFC 5321 4.5.3.1.6 asks for 1,000 in a mail; commands may be as long, for AUTH. Of a longer one nothing is kept. */
const LINE = 2000;
/** RFC 5321 4.5.3.1.8 asks for at least 100. */
const RECIPIENTS = 100;
/** RFC 5321 4.3.2: what the last line of an answer begins with. */
const OK = '250 2.0.0 OK';
/** What SIZE promises (RFC 1870). More is taken; the rest of it is not kept. */
const SIZE = 32 * 2 ** 20;
/** Commands that make no sense, after which the server hangs up. */
const PATIENCE = 20;
/** What is kept are mails. */
const KIND = { item: 'mail', suffix: 'eml' } as const;

/** The lines that a connection may be in: commands, a mail, or the answers that AUTH asks for (RFC 4954). */
type Mode = 'command' | 'mail' | 'user' | 'password' | 'plain';

/**
 * An SMTP server that takes every mail for everybody and delivers none (RFC 5321): EHLO with PIPELINING, 8BITMIME, SIZE and
 * AUTH PLAIN and LOGIN, of which all passwords are right. It keeps the mails.
 */
export class SmtpTalk implements Talk {
  private readonly options: SmtpOptions;
  private readonly speaker: Speaker;
  private readonly lines = new Lines(LINE);
  private readonly body: KeptMessage;
  private mode: Mode = 'command';
  private closed = false;
  private mistakes = 0;
  private helo = '';
  private user: string | undefined;
  private password: string | undefined;
  private sender: string | undefined;
  private recipients: string[] = [];

  constructor(peer: Peer, speaker: Speaker, options: SmtpOptions) {
    this.speaker = speaker;
    this.options = options;
    this.body = new KeptMessage(KIND, peer, options);
  }

  begin(): void {
    this.answer(`220 ${this.options.host} ${this.options.banner}`);
  }

  hear(bytes: Uint8Array): void {
    for (let at = 0; at >= 0 && at < bytes.length && !this.closed; ) {
      at = this.lines.take(bytes, at);
      if (at >= 0) this.answer(this.line(this.lines.shift()));
    }
  }

  end(): void {
    // A mail that was not finished is evidence as well.
    if (this.mode === 'mail') this.keep(false);
  }

  private answer(text: string | undefined): void {
    if (text !== undefined) this.speaker.say(`${text}\r\n`);
    if (this.closed) this.speaker.close();
  }

  /** What is answered to a line: nothing while a mail goes on. */
  private line(line: string | undefined): string | undefined {
    if (this.mode === 'mail') return this.mailLine(line ?? '');
    if (line === undefined) return this.mistake('500 5.5.6 Line too long');
    return this.mode === 'command' ? this.command(line) : this.credentials(line);
  }

  private mistake(answer: string): string {
    if (++this.mistakes < PATIENCE) return answer;
    this.closed = true;
    return `421 4.7.0 ${this.options.host} Too many errors`;
  }

  private command(line: string): string {
    const [verb] = /^[A-Za-z]*/.exec(line)!;
    const rest = line.slice(verb.length).trim();
    switch (verb.toUpperCase()) {
      case 'EHLO':
        return this.hello(rest, true);
      case 'HELO':
        return this.hello(rest, false);
      case 'AUTH':
        return this.authenticate(rest);
      case 'MAIL':
        return this.from(rest);
      case 'RCPT':
        return this.to(rest);
      case 'DATA':
        return this.data();
      case 'RSET':
        this.reset();
        return OK;
      case 'NOOP':
        return OK;
      case 'VRFY':
        return '252 2.5.0 Cannot verify, but will try';
      case 'HELP':
        return '214 2.0.0 See RFC 5321';
      case 'QUIT':
        this.closed = true;
        return `221 2.0.0 ${this.options.host} closes`;
      default:
        return this.mistake('500 5.5.2 Unknown command');
    }
  }

  private hello(name: string, extended: boolean): string {
    const { host } = this.options;
    this.reset();
    this.helo = name;
    if (!extended) return `250 ${host}`;
    const extensions = ['PIPELINING', `SIZE ${SIZE}`, '8BITMIME', 'ENHANCEDSTATUSCODES'];
    return [`250-${host}`, ...extensions.map((extension) => `250-${extension}`), '250 AUTH PLAIN LOGIN'].join('\r\n');
  }

  private authenticate(rest: string): string {
    const [mechanism = '', first] = rest.split(/\s+/);
    switch (mechanism.toUpperCase()) {
      case 'PLAIN':
        this.mode = 'plain';
        return first === undefined ? '334 ' : this.credentials(first);
      case 'LOGIN':
        this.mode = 'user';
        return first === undefined ? '334 VXNlcm5hbWU6' : this.credentials(first);
      default:
        return this.mistake('504 5.5.4 Unknown mechanism');
    }
  }

  /** An answer to AUTH, in base64. */
  private credentials(line: string): string {
    const text = Buffer.from(line, 'base64').toString('latin1');
    const { mode } = this;
    this.mode = 'command';
    if (line === '*') return '501 5.7.0 Cancelled';
    if (mode === 'user') {
      this.user = text;
      this.mode = 'password';
      return '334 UGFzc3dvcmQ6';
    }
    if (mode === 'plain') [, this.user = '', this.password] = text.split('\0');
    else this.password = text;
    return '235 2.7.0 Accepted';
  }

  private from(rest: string): string {
    const path = /^from:\s*(?:<([^>]*)>|(\S+))/i.exec(rest);
    if (!path) return this.mistake('501 5.5.4 Expected MAIL FROM:<address>');
    if (this.sender !== undefined) return this.mistake('503 5.5.1 There is a sender already');
    this.sender = path[1] ?? path[2]!;
    return '250 2.1.0 OK';
  }

  private to(rest: string): string {
    const path = /^to:\s*(?:<([^>]*)>|(\S+))/i.exec(rest);
    if (this.sender === undefined) return this.mistake('503 5.5.1 Expected MAIL before RCPT');
    if (!path) return this.mistake('501 5.5.4 Expected RCPT TO:<address>');
    if (this.recipients.length === RECIPIENTS) return '452 4.5.3 Too many recipients';
    this.recipients.push(path[1] ?? path[2]!);
    return '250 2.1.5 OK';
  }

  private data(): string {
    if (this.recipients.length === 0) return this.mistake('503 5.5.1 Expected RCPT before DATA');
    this.mode = 'mail';
    return '354 End with a line that is a dot';
  }

  private mailLine(line: string): string | undefined {
    if (line !== '.') {
      // RFC 5321 4.5.2: a dot at the beginning of a line is doubled.
      this.body.add(Buffer.from(`${line.startsWith('.') ? line.slice(1) : line}\r\n`, 'latin1'));
      return undefined;
    }
    const number = this.keep(true);
    this.mode = 'command';
    this.reset();
    return `250 2.0.0 OK: queued as ${number}`;
  }

  private keep(complete: boolean): string {
    const { body, helo, user, password = '', sender, recipients } = this;
    const told = `mail from <${sender}> to ${recipients.length} recipients, ${body.bytes} bytes`;
    const facts = { helo, ...(user !== undefined && { user, password }), from: sender, to: recipients };
    return body.keep(told, facts, complete);
  }

  private reset(): void {
    this.sender = undefined;
    this.recipients = [];
  }
}
