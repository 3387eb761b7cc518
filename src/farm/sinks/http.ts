import { type Keeping, KeptMessage } from './kept-message.js';
import { Lines } from './lines.js';
import type { Peer, Speaker, Talk } from './peer.js';

export interface HttpOptions extends Keeping {
  /** What it says it is, and the page that is under every path of every host. */
  readonly server: string;
  readonly page: Uint8Array;
}

/** Bytes of a line of a request, lines of its header, and their bytes together. */
const LINE = 4096;
const FIELDS = 64;
const HEADER = 16 * 1024;
/** What is kept are requests: of each the body in a file. */
const KIND = { item: 'request', suffix: 'body' } as const;

/** What comes next: the first line, the header, the body or one of its chunks, what ends a chunk, or what follows the last. */
type Mode = 'start' | 'fields' | 'body' | 'size' | 'chunk' | 'gap' | 'trailer';

interface Request {
  readonly method: string;
  readonly path: string;
  readonly minor: number;
  readonly fields: [name: string, value: string][];
}

/**
 * An HTTP server that has one page for every path of every host (RFC 9112): HTTP/1.0 and 1.1, connections that stay open, bodies
 * of a given length and chunked ones. It keeps the requests.
 */
export class HttpTalk implements Talk {
  private readonly options: HttpOptions;
  private readonly speaker: Speaker;
  private readonly lines = new Lines(LINE);
  private readonly body: KeptMessage;
  private mode: Mode = 'start';
  private closed = false;
  private request: Request | undefined;
  private header = 0;
  /** Bytes that are still to come of the body, or of the chunk. */
  private left = 0;

  constructor(peer: Peer, speaker: Speaker, options: HttpOptions) {
    this.speaker = speaker;
    this.options = options;
    this.body = new KeptMessage(KIND, peer, options);
  }

  begin(): void {}

  hear(bytes: Uint8Array): void {
    for (let at = 0; at >= 0 && at < bytes.length && !this.closed; ) {
      if (this.mode === 'body' || this.mode === 'chunk') {
        const piece = bytes.subarray(at, at + this.left);
        this.body.add(piece);
        this.left -= piece.length;
        at += piece.length;
        if (this.left === 0 && this.mode === 'chunk') this.mode = 'gap';
        else if (this.left === 0) this.respond(200, 'OK');
      } else {
        at = this.lines.take(bytes, at);
        if (at >= 0) this.line(this.lines.shift());
      }
    }
  }

  end(): void {
    // A request that was cut off is evidence as well.
    if (this.request && this.mode !== 'start') this.keep(this.request, false);
    this.request = undefined;
  }

  private line(line: string | undefined): void {
    if (line === undefined) this.refuse();
    else if (this.mode === 'start') this.start(line);
    else if (this.mode === 'fields' && line === '') this.headerEnds(this.request!);
    else if (this.mode === 'fields') this.field(this.request!, line);
    else if (this.mode === 'size') this.size(line);
    else if (this.mode === 'trailer') this.trailer(line);
    else if (line === '') this.mode = 'size';
    else this.refuse();
  }

  private start(line: string): void {
    // RFC 9112 2.2: empty lines before a request are ignored.
    if (line === '') return;
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S+) HTTP\/1\.(\d)$/.exec(line);
    if (!match) {
      this.refuse();
      return;
    }
    this.request = { method: match[1]!, path: match[2]!, minor: Number(match[3]), fields: [] };
    this.header = line.length;
    this.mode = 'fields';
  }

  private field(request: Request, line: string): void {
    const [colon, name] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):/.exec(line) ?? [];
    this.header += line.length;
    if (colon === undefined || request.fields.length === FIELDS || this.header > HEADER) this.refuse();
    else request.fields.push([name!, line.slice(colon.length).trim()]);
  }

  private trailer(line: string): void {
    this.header += line.length + 2;
    if (this.header > HEADER) this.refuse();
    else if (line === '') this.respond(200, 'OK');
  }

  private headerEnds(request: Request): void {
    const coding = find(request, 'transfer-encoding');
    const length = find(request, 'content-length');
    // Which of two lengths counts is what smuggling is about; whoever sends both gets an error.
    const isChunked = coding !== undefined && /^chunked$/i.test(coding) && length === undefined;
    if (!isChunked && (coding !== undefined || !/^\d{1,12}$/.test(length ?? '0'))) {
      this.refuse();
      return;
    }
    this.left = Number(length ?? 0);
    if (!isChunked && this.left === 0) {
      this.respond(200, 'OK');
      return;
    }
    this.mode = isChunked ? 'size' : 'body';
    if (/^100-continue$/i.test(find(request, 'expect') ?? '')) this.speaker.say('HTTP/1.1 100 Continue\r\n\r\n');
  }

  private size(line: string): void {
    const match = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i.exec(line);
    if (!match) {
      this.refuse();
      return;
    }
    this.left = Number.parseInt(match[1]!, 16);
    this.mode = this.left === 0 ? 'trailer' : 'chunk';
  }

  /** What came is no request. */
  private refuse(): void {
    this.request ??= { method: '', path: '', minor: 0, fields: [] };
    this.respond(400, 'Bad Request');
  }

  private respond(status: number, reason: string): void {
    const request = this.request!;
    const { page, server, reporter } = this.options;
    this.keep(request, status === 200);
    this.request = undefined;
    this.mode = 'start';
    const keepsOpen = status === 200 && staysOpen(request);
    const fields = [
      `HTTP/1.1 ${status} ${reason}`,
      `Date: ${new Date(reporter.now * 1000).toUTCString()}`,
      `Server: ${server}`,
      'Content-Type: text/html',
      `Content-Length: ${page.length}`,
      `Connection: ${keepsOpen ? 'keep-alive' : 'close'}`,
    ];
    this.speaker.say(`${fields.join('\r\n')}\r\n\r\n`);
    if (request.method !== 'HEAD') this.speaker.say(page);
    if (keepsOpen) return;
    this.closed = true;
    this.speaker.close();
  }

  private keep(request: Request, complete: boolean): void {
    const { method, path, fields } = request;
    const host = find(request, 'host') ?? '';
    const told = method === '' ? 'what is no HTTP request' : `${method} http://${host}${path}`;
    this.body.keep(told, { method, path, fields }, complete);
  }
}

function find({ fields }: Request, name: string): string | undefined {
  return fields.find(([each]) => each.toLowerCase() === name)?.[1];
}

function staysOpen(request: Request): boolean {
  const wanted = find(request, 'connection') ?? '';
  return request.minor === 0 ? /\bkeep-alive\b/i.test(wanted) : !/\bclose\b/i.test(wanted);
}
