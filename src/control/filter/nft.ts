import { execFile } from 'node:child_process';
import { Failure } from '../failure.js';

/** Milliseconds, and bytes that it may say. */
const PATIENCE = 10_000;
const MOST = 16 << 20;

/**
 * Runs nft (nftables) in the network namespace of this thread, which does not wait for it.
 * @param input what it reads
 * @returns what it says
 * @throws {Failure} with what it says is wrong
 */
export function nft(args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
    const options = { timeout: PATIENCE, maxBuffer: MOST, env: { PATH: path, LC_ALL: 'C' }, cwd: '/' };
    const child = execFile('nft', args, options, (error, out, err) => {
      if (!error) return resolve(out);
      if (error.code === 'ENOENT') return reject(new Failure('nft is not there: install the Debian package nftables'));
      const said = err.trim().split('\n')[0] || error.message;
      reject(new Failure(`nft ${args.join(' ')}: ${error.killed ? `no answer within ${PATIENCE / 1000} s` : said}`));
    });
    // It may have ended before it has read all.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** What `nft -j list table` says, as far as it matters here. */
export interface Listing {
  /** All but what changes as packets pass. Two listings of the same table, unchanged, have the same. */
  readonly shape: string;
  /** Packets, by counter. */
  readonly counters: ReadonlyMap<string, number>;
}

interface Counted {
  readonly counter?: { readonly name: string; readonly packets: number };
}

export function readListing(text: string): Listing {
  const { nftables } = JSON.parse(text) as { nftables: readonly Counted[] };
  const counters = new Map(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets]] : [])));
  return { shape: text.replace(/"(packets|bytes)": \d+/g, '"$1"'), counters };
}
