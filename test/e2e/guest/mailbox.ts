/** The mailbox of the agent in a guest (guest/agent/mailbox.h), found in a file that is the guest's memory. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import {
  LETTER_AT,
  type Letter,
  MAILBOX,
  MAILBOX_BYTES,
  REQUEST_AT,
  readOutcome,
  writeLetter,
} from '../../../src/farm/qemu/mailbox.js';

export class MailboxInFile {
  readonly #memory: number;
  readonly #at: number;
  #request = 0;

  /** @throws if the agent's page is not there exactly once. */
  constructor(file: string) {
    this.#memory = openSync(file, 'r+');
    const page = Buffer.alloc(MAILBOX.length);
    const found: number[] = [];
    for (let at = 0; readSync(this.#memory, page, 0, page.length, at) === page.length; at += MAILBOX_BYTES)
      if (page.equals(MAILBOX)) found.push(at);
    if (found.length !== 1) throw new Error(`expected one mailbox in the guest's memory, not ${found.length}`);
    this.#at = found[0]!;
  }

  /** Asks the agent, in a guest that runs: it must find all the rest in place when it sees the request. */
  ask(letter: Letter): void {
    this.askBytes(writeLetter(letter));
  }

  /** The same with a letter that may be none. */
  askBytes(letter: Buffer): void {
    this.#write(letter, LETTER_AT);
    const request = Buffer.alloc(4);
    request.writeUInt32LE(++this.#request);
    this.#write(request, REQUEST_AT);
  }

  /** Whether the agent has answered the last request, and with which errno. */
  get outcome(): { readonly answered: boolean; readonly status: number } {
    const page = Buffer.alloc(MAILBOX_BYTES);
    readSync(this.#memory, page, 0, page.length, this.#at);
    const { answer, status } = readOutcome(page);
    return { answered: answer === this.#request, status };
  }

  close(): void {
    closeSync(this.#memory);
  }

  #write(bytes: Buffer, at: number): void {
    writeSync(this.#memory, bytes, 0, bytes.length, this.#at + at);
  }
}
