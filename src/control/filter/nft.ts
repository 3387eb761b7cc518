import { execFile } from 'node:child_process';
import { Failure } from '../failure.js';
import { TABLE } from './plan.js';

/** Why it does not start, by the code of errno, and what to do. */
const MISSING: Readonly<Record<string, string>> = {
  ENOENT: 'is not there: install the Debian package nftables, or run with --filter off, without this layer',
  EACCES: 'may not be executed',
};

/** Milliseconds, and bytes that it may say. */
const PATIENCE = 10_000;
const MOST = 16 << 20;

/**
 * Runs nft (nftables) in the network namespace of this thread.
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
      // It is a number if it ran.
      if (typeof error.code === 'string')
        return reject(new Failure(`the kernel filter needs nft, which ${MISSING[error.code] ?? error.message}`));
      const said = err.trim().split('\n')[0] || error.message;
      reject(new Failure(`nft ${args.join(' ')}: ${error.killed ? `no answer within ${PATIENCE / 1000} s` : said}`));
    });
    // It may have ended before it has read all.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** What nft tells of the table, as far as it matters here. */
export interface Listing {
  /** All but what changes as packets pass: the same table, unchanged, has the same. Empty if there is none. */
  readonly shape: string;
  /** Packets, by counter. */
  readonly counters: ReadonlyMap<string, number>;
}

/** An object of nft's JSON: one key, its kind. */
type Listed = Readonly<
  Record<string, { readonly table?: string; readonly name?: string; packets?: number; bytes?: number } | undefined>
>;

/** The members of sets are left out. Asking for the table alone would read them, however many, before it leaves them out. */
export async function listTable(run = nft): Promise<Listing> {
  const { nftables } = JSON.parse(await run(['-j', '-t', 'list', 'ruleset', 'netdev'])) as { nftables: Listed[] };
  const ours = nftables.filter(({ table, ...other }) =>
    table ? table.name === TABLE : Object.values(other)[0]?.table === TABLE,
  );
  const counters = new Map<string, number>();
  for (const { counter } of ours) {
    if (!counter) continue;
    counters.set(counter.name ?? '', counter.packets ?? 0);
    counter.packets = counter.bytes = 0;
  }
  return { shape: ours.length === 0 ? '' : JSON.stringify(ours), counters };
}
