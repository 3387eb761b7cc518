import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { PAGE_SIZE, Pool } from '../../src/farm/pool.js';
import { ProcessMemory } from '../../src/farm/process-memory.js';
import { type Bench, type Case, interleave, medianTime, type Suite } from '../suite.js';

const SIZE = 128 << 20;
const PAGES = SIZE / PAGE_SIZE;
/** Pages of a booted, idle guest: mapped, and changed. */
const MAPPED = 10_000;
const CHANGED = 256;

/** Maps the image privately as a hypervisor does, reads and writes pages spread over all of it, and waits. */
const GUEST = `
import mmap, sys
m = mmap.mmap(3, ${SIZE}, flags=mmap.MAP_PRIVATE)
for i in range(${MAPPED}): m[i * ${PAGES} // ${MAPPED} * ${PAGE_SIZE}]
for i in range(${CHANGED}): m[i * ${PAGES} // ${CHANGED} * ${PAGE_SIZE}] = 1
print('ready', flush=True)
sys.stdin.read()
`;

/** At most, in us. */
const GOALS: Readonly<Record<string, number>> = { 'guest/write-4k': 30, 'guest/delta': 1000 };

async function run(bench: Bench): Promise<void> {
  const pool = new Pool({ budget: 8 * 2 ** 30 });
  const image = pool.createImage(SIZE);
  for (let at = 0; at < SIZE; at += 1 << 20) image.write(at, new Uint8Array(1 << 20).fill(at >> 20));
  image.seal();
  const child = spawn('/usr/bin/python3', ['-c', GUEST], { stdio: ['pipe', 'pipe', 'inherit', image.fd] });
  try {
    await once(child.stdout!, 'data');
    const memory = new ProcessMemory(child.pid!, image);
    const byPagemap = new ProcessMemory(child.pid!, image, { scan: 'pagemap' });
    const page = new Uint8Array(PAGE_SIZE).fill(1);
    const piece = new Uint8Array(128 << 10);
    let next = 0;
    const us = (name: string, times: number, work: () => void): Case => ({
      name: `guest/${name}`,
      run: () => new Map([['', medianTime(times, work) / 1000]]),
    });
    const cases = [
      us('delta', 100, () => void memory.delta()),
      us('delta-pagemap', 100, () => void byPagemap.delta()),
      us('write-4k', 100, () => memory.write((CHANGED / 2) * PAGE_SIZE, page)),
      us('write-4k-first', 100, () => memory.write((next++ % PAGES) * PAGE_SIZE, page)),
      us('read-128k', 100, () => memory.read(0, piece)),
      us('hash-128k', 100, () => void createHash('sha256').update(piece).digest()),
      us('account', 20, () => void memory.account()),
    ];
    const found = await interleave(bench, cases);
    for (const [i, { name }] of cases.entries()) {
      const goal = GOALS[name];
      const values = found[i]!.get('')!;
      if (bench.wants(name)) bench.report({ name, unit: 'us', values, ...(goal !== undefined && { goal }) });
    }
    memory.close();
    byPagemap.close();
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    pool.close();
  }
}

export const guest: Suite = {
  name: 'guest',
  summary: "what it costs to look into, and write to, a guest's memory of 128 MB in another process",
  run,
};
