/**
 * What the daemon and the launcher say to each other: native/launcher/message.h describes it. Little-endian; a message is
 * its length, then as many bytes: kind, id, and what the kind has.
 */
import { constants } from 'node:os';
import type { Setting } from './cgroups.js';

export interface LaunchRequest {
  readonly id: number;
  readonly slot: number;
  /** Limits of the process: open files, processes of its user, and bytes of a file it writes. */
  readonly files: number;
  readonly processes: number;
  readonly fileBytes: number;
  /** Descriptors that come with the request. */
  readonly descriptors: number;
  readonly settings: readonly Setting[];
  /** The first is the program's path. */
  readonly argv: readonly string[];
}

export type Reply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'started'; readonly id: number; readonly pid: number }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string }
  | { readonly kind: 'ended'; readonly id: number; readonly reason: string };

const KIND = { launch: 1, kill: 2 } as const;
const REPLY = { ready: 1, started: 2, failed: 3, ended: 4 } as const;
/** What a request may have: the launcher does not go on after one that has more, and all machines end with it. */
const MOST = { descriptors: 32, arguments: 1024, bytes: 65_536 } as const;
/** Bytes of a reply's kind and id, and of the longest reply. */
const HEAD = 5;
const LONGEST = 4096;

const number = (value: number, bytes: 1 | 2 | 4) => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
};

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length, 2), bytes]);
}

function message(kind: number, id: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat([number(kind, 1), number(id, 4), ...parts]);
  atMost('bytes', body.length);
  return Buffer.concat([number(body.length, 4), body]);
}

function atMost(what: keyof typeof MOST, count: number): void {
  if (count > MOST[what]) throw new RangeError(`a request has at most ${MOST[what]} ${what}, not ${count}`);
}

/** @throws {RangeError} if something is too large for its place, or there is too much of it. */
export function launchMessage(request: LaunchRequest): Buffer {
  const { id, slot, files, processes, fileBytes, descriptors, settings, argv } = request;
  atMost('descriptors', descriptors);
  atMost('arguments', argv.length);
  const limit = Buffer.alloc(8);
  limit.writeBigUInt64LE(BigInt(fileBytes));
  return message(
    KIND.launch,
    id,
    ...[number(slot, 4), number(files, 4), number(processes, 4), limit, number(descriptors, 1)],
    number(settings.length, 1),
    ...settings.flatMap(({ group, file, value }) => [number(group, 1), text(file), text(value)]),
    number(argv.length, 2),
    ...argv.map(text),
  );
}

export function killMessage(id: number): Buffer {
  return message(KIND.kill, id);
}

/** Puts replies together from pieces of a stream. */
export class Replies {
  private waiting = Buffer.alloc(0);

  /** @throws {Error} if this is no stream of replies. */
  *read(piece: Buffer): Generator<Reply> {
    this.waiting = Buffer.concat([this.waiting, piece]);
    while (this.waiting.length >= 4) {
      const length = this.waiting.readUInt32LE(0);
      if (length < HEAD || length > LONGEST) throw new Error(`the launcher sent a message of ${length} bytes`);
      if (this.waiting.length < 4 + length) return;
      const body = this.waiting.subarray(4, 4 + length);
      this.waiting = this.waiting.subarray(4 + length);
      yield parse(body);
    }
  }
}

function parse(body: Buffer): Reply {
  const id = body.readUInt32LE(1);
  const rest = body.subarray(HEAD);
  switch (body[0]) {
    case REPLY.ready:
      return { kind: 'ready' };
    case REPLY.started:
      return { kind: 'started', id, pid: rest.readUInt32LE(0) };
    case REPLY.failed:
      return { kind: 'failed', id, reason: rest.toString() };
    case REPLY.ended:
      return { kind: 'ended', id, reason: ending(rest) };
    default:
      throw new Error(`the launcher sent a message of kind ${body[0]}`);
  }
}

/** How a process ended, and what it said last on its standard error. */
function ending(rest: Buffer): string {
  const value = rest.readUInt32LE(1);
  const signal = Object.entries(constants.signals).find(([, each]) => each === value)?.[0] ?? `signal ${value}`;
  const how = rest[0] === 1 ? `killed by ${signal}` : `ended with status ${value}`;
  // They are the machine's, and go into logs: nothing in them may act on a terminal, or begin a line.
  const words = rest
    .subarray(5)
    .toString()
    .replace(/\p{C}+/gu, ' ')
    .trim();
  return words === '' ? how : `${how}: ${words}`;
}
