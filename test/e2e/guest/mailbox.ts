/** The mailbox of the agent in a guest (guest/agent/mailbox.h), found in a file that is the guest's memory. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { parseAddress } from '../../../src/packet/address.js';

const PAGE = 4096;
const MAGIC = Buffer.alloc(32);
MAGIC.write('potemkin mailbox, version 1.\n', 'latin1');

const REQUEST = 32;
const STATUS = 40;
const FLAGS = 44;
const FILES = 212;

export interface GuestFile {
  readonly path: string;
  readonly mode: number;
  readonly data: Buffer;
}

export interface GuestIdentity {
  readonly address: string;
  readonly length: number;
  readonly gateway: string;
  /** Six bytes in hexadecimal, with colons. */
  readonly mac: string;
  readonly hostname: string;
  /** When it is, in seconds. */
  readonly time: number;
  readonly files: readonly GuestFile[];
  readonly final: boolean;
}

export class Mailbox {
  readonly #memory: number;
  readonly #at: number;

  /** @throws if the agent's page is not there exactly once. */
  constructor(file: string) {
    this.#memory = openSync(file, 'r+');
    const page = Buffer.alloc(32);
    const found: number[] = [];
    for (let at = 0; readSync(this.#memory, page, 0, page.length, at) === page.length; at += PAGE)
      if (page.equals(MAGIC)) found.push(at);
    if (found.length !== 1) throw new Error(`expected one mailbox in the guest's memory, not ${found.length}`);
    this.#at = found[0]!;
  }

  /** Asks the agent to become this. */
  ask(identity: GuestIdentity): void {
    const page = Buffer.alloc(PAGE);
    this.#read(page, 0);
    page.writeInt32LE(0, STATUS);
    page.writeUInt32LE(identity.final ? 1 : 0, FLAGS);
    page.writeUInt32BE(parseAddress(identity.address)!, 48);
    page.writeUInt32BE(parseAddress(identity.gateway)!, 52);
    page.writeUInt8(identity.length, 56);
    page.write(identity.mac.replaceAll(':', ''), 58, 'hex');
    page.writeBigUInt64LE(BigInt(identity.time), 64);
    page.fill(0, 72, FILES);
    page.write(identity.hostname, 80, 'latin1');
    randomBytes(64).copy(page, 144);
    let end = FILES;
    for (const { path, mode, data } of identity.files) {
      page.writeUInt16LE(path.length, end);
      page.writeUInt16LE(mode, end + 2);
      page.writeUInt32LE(data.length, end + 4);
      end += 8 + page.write(path, end + 8, 'latin1');
      end += data.copy(page, end);
    }
    page.writeUInt32LE(end - FILES, FILES - 4);
    writeSync(this.#memory, page, STATUS, PAGE - STATUS, this.#at + STATUS);
    // The guest may be running: it must find all the rest in place.
    page.writeUInt32LE(page.readUInt32LE(REQUEST) + 1, REQUEST);
    writeSync(this.#memory, page, REQUEST, 4, this.#at + REQUEST);
  }

  /** Whether the last request is done, and with which errno. */
  get answer(): { readonly done: boolean; readonly status: number } {
    const words = Buffer.alloc(12);
    this.#read(words, REQUEST);
    return { done: words.readUInt32LE(0) === words.readUInt32LE(4), status: words.readInt32LE(8) };
  }

  close(): void {
    closeSync(this.#memory);
  }

  #read(into: Buffer, from: number): void {
    readSync(this.#memory, into, 0, into.length, this.#at + from);
  }
}

/** A host key: the file that dropbear reads, and what a client knows it by. */
export function hostKey(): { readonly file: Buffer; readonly known: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { d, x } = privateKey.export({ format: 'jwk' });
  const text = (data: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    return Buffer.concat([length, data]);
  };
  const [secret, open] = [d!, x!].map((part) => Buffer.from(part, 'base64url'));
  const name = text(Buffer.from('ssh-ed25519'));
  return {
    file: Buffer.concat([name, text(Buffer.concat([secret!, open!]))]),
    known: `ssh-ed25519 ${Buffer.concat([name, text(open!)]).toString('base64')}`,
  };
}
