import type { Identity } from '../backend.js';

/**
 * The page through which a machine's agent gets its identity: guest/agent/ has the other side. Little-endian, except
 * addresses and ports.
 */
export const MAILBOX = Buffer.from('potemkin mailbox, version 1.\n'.padEnd(32, '\0'), 'latin1');
export const MAILBOX_BYTES = 4096;

/** Where the field lies that makes the agent act, and where a letter lies, which must be there before. */
export const REQUEST_AT = 32;
export const LETTER_AT = 40;
const ANSWER_AT = 36;

const AT = {
  status: LETTER_AT,
  flags: 44,
  address: 48,
  gateway: 52,
  prefix: 56,
  mac: 58,
  seconds: 64,
  nanoseconds: 72,
  hostname: 80,
  entropy: 144,
  fileBytes: 208,
  files: 212,
} as const;

const HOSTNAME = AT.entropy - AT.hostname - 1;
export const ENTROPY = AT.fileBytes - AT.entropy;
const FINAL = 1;

/** Which request the agent has done last, and the errno of the step that failed, 0 if none did. */
export function readOutcome(page: Buffer): { answer: number; status: number } {
  return { answer: page.readUInt32LE(ANSWER_AT), status: page.readInt32LE(LETTER_AT) };
}

/** A file that the agent writes. */
export interface IdentityFile {
  readonly path: string;
  readonly mode: number;
  readonly contents: Uint8Array;
}

export interface Letter {
  readonly identity: Pick<Identity, 'address' | 'mac' | 'hostname'>;
  readonly gateway: number;
  /** Bits of the network's prefix. */
  readonly prefix: number;
  /** ENTROPY bytes. */
  readonly entropy: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly files: readonly IdentityFile[];
  /** The agent is to wait for no other. */
  readonly final: boolean;
}

/**
 * What belongs into the page from LETTER_AT on.
 * @throws {RangeError} if the files do not fit into the page
 */
export function writeLetter(letter: Letter): Buffer {
  const page = Buffer.alloc(MAILBOX_BYTES);
  const { identity, time } = letter;
  page.writeUInt32LE(letter.final ? FINAL : 0, AT.flags);
  page.writeUInt32BE(identity.address, AT.address);
  page.writeUInt32BE(letter.gateway, AT.gateway);
  page.writeUInt8(letter.prefix, AT.prefix);
  page.set(identity.mac, AT.mac);
  page.writeBigInt64LE(BigInt(Math.floor(time / 1000)), AT.seconds);
  page.writeBigInt64LE(BigInt(Math.floor((time % 1000) * 1e6)), AT.nanoseconds);
  page.write(identity.hostname.slice(0, HOSTNAME), AT.hostname, 'latin1');
  page.set(letter.entropy, AT.entropy);
  let at: number = AT.files;
  for (const { path, mode, contents } of letter.files) {
    const end = at + 8 + Buffer.byteLength(path) + contents.length;
    if (end > MAILBOX_BYTES)
      throw new RangeError(`the files of an identity take more than ${MAILBOX_BYTES - AT.files} bytes`);
    page.writeUInt16LE(Buffer.byteLength(path), at);
    page.writeUInt16LE(mode, at + 2);
    page.writeUInt32LE(contents.length, at + 4);
    page.write(path, at + 8);
    page.set(contents, end - contents.length);
    at = end;
  }
  page.writeUInt32LE(at - AT.files, AT.fileBytes);
  return page.subarray(LETTER_AT);
}
