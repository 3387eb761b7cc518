import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { Failure } from './failure.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface Reply {
  readonly status?: number;
  readonly type: string;
  readonly body: string;
}

/** What is answered at a path. One that ends with a slash answers for whatever name follows, and is told it. */
export type Routes = Readonly<Record<string, (name: string) => Reply | Promise<Reply>>>;

/** Who asks for something to be done, and with which words. Bodies are not read. */
export interface Request {
  readonly remote: string;
  readonly query: URLSearchParams;
  /** What is behind `Authorization: Bearer`. */
  readonly bearer: string | undefined;
}

/** What is done at a path when it is asked for by POST: at once, before anything else happens. */
export type Orders = Readonly<Record<string, (request: Request) => Reply>>;

/** Connections at once. What asks is one scraper and a person or two. */
const CONNECTIONS = 64;

/** Reads `HOST:PORT`, `[IPV6]:PORT`, or `off`. */
export function parseListen(text: string): ListenAddress | undefined {
  if (text === 'off') return undefined;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535)
    throw new Failure(`--listen: expected HOST:PORT such as 127.0.0.1:9477, or off, not '${text}'`);
  return { host: (match[1] ?? match[2])!, port };
}

export const formatListen = ({ host, port }: ListenAddress): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

function send(response: ServerResponse, { status = 200, type, body }: Reply, headers: Record<string, string> = {}) {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

export const plain = (status: number, body: string): Reply => ({ status, type: 'text/plain; charset=utf-8', body });

/** Splits a request without ever failing. */
function read({ url = '', headers, socket }: IncomingMessage): { path: string; request: Request } {
  const [path, query] = url.split('?', 2) as [string, string?];
  const [, bearer] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  return { path, request: { remote: socket.remoteAddress ?? '', query: new URLSearchParams(query ?? ''), bearer } };
}

/** An HTTP server that tells by GET (and HEAD) at some paths, obeys POST at some others, and does nothing else. */
export class HttpServer {
  private readonly server: Server;

  constructor(routes: Routes, orders: Orders = {}) {
    const paths = new Map(Object.entries(routes));
    const posts = new Map(Object.entries(orders));
    const limits = { maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000 };
    this.server = createServer(limits, (request, response) => {
      const { path, request: asked } = read(request);
      const order = posts.get(path);
      const name = path.slice(path.lastIndexOf('/') + 1);
      const route = paths.get(path) ?? paths.get(path.slice(0, path.length - name.length));
      if (order && request.method === 'POST') {
        send(response, order(asked), { connection: 'close' });
      } else if (order) {
        send(response, plain(405, 'only POST is answered here\n'), { allow: 'POST', connection: 'close' });
      } else if (request.method !== 'GET' && request.method !== 'HEAD') {
        send(response, plain(405, 'only GET is answered here\n'), { allow: 'GET, HEAD', connection: 'close' });
      } else if (!route) {
        send(response, plain(404, `nothing is here; try ${[...paths.keys()].join(', ')}\n`));
      } else {
        // The reason stays here: it may hold what is nobody's business.
        Promise.resolve()
          .then(() => route(name))
          .then((reply) => send(response, reply))
          .catch(() => send(response, plain(500, 'internal error\n')));
      }
    });
    this.server.maxConnections = CONNECTIONS;
  }

  /**
   * @returns where it listens: the port is the real one if 0 was asked for
   * @throws {Failure} if the address cannot be had
   */
  listen({ host, port }: ListenAddress): Promise<ListenAddress> {
    return new Promise((resolve, reject) => {
      this.server.once('error', (error: NodeJS.ErrnoException) => {
        const where = formatListen({ host, port });
        const reason = error.code === 'EADDRINUSE' ? 'something else listens there' : error.message;
        reject(
          new Failure(`cannot listen on ${where}: ${reason}; choose another address with --listen, or --listen off`),
        );
      });
      this.server.listen(port, host, () => {
        const { address, port: real } = this.server.address() as AddressInfo;
        this.warmUp();
        resolve({ host: address, port: real });
      });
    });
  }

  /**
   * Lets Node.js load and compile what answers a request, so that the first one, which may be a stop, does not wait for
   * that. No socket is needed: a request that leads nowhere comes by a stream in memory.
   */
  private warmUp(): void {
    const connection = new Duplex({
      read() {},
      write(_chunk, _encoding, done) {
        done();
      },
      final(done) {
        done();
        connection.destroy();
      },
    });
    this.server.emit('connection', connection);
    connection.push('POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
