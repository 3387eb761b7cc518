import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CloneFarm } from '../../src/elements/CloneFarm.js';
import { makeEngine } from '../day/play.js';
import { threadTime } from '../processor.js';
import { writeSyns } from './capture.js';
import { type Costs, heapUsed, scattered } from './size.js';

/** Packets for clones that are there. */
const KNOWN = 100_000;
const [SOURCES, TELESCOPE] = [0x14000000, 0x0a000000];

/**
 * So many clones, by the graph of the gateway: the processor time of a birth with its first answer, and of a packet for a clone that
 * is there with its answer; and memory.
 * @param shared whether all are in one universe, or each in one of its own
 * @param again packets for clones that are there
 */
export async function cloneCosts(size: number, shared: boolean, again = KNOWN): Promise<Costs> {
  const folder = mkdtempSync(join(tmpdir(), 'potemkin-bench-'));
  const IN = join(folder, 'in.pcap');
  try {
    const any = scattered(size);
    writeSyns(IN, size + again, (i) => {
      const clone = i < size ? i : any(i % size);
      return { src: SOURCES + clone, dst: TELESCOPE + clone * 16 };
    });
    return await count(size, again, { IN, SHARED: shared ? '100%' : '0' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function count(size: number, again: number, defines: Record<string, string>): Promise<Costs> {
  const limits = { CLONES: String(size), UNIVERSE_CLONES: String(size), UNIVERSES: String(size + 1) };
  const graph = { TELESCOPE: '10.0.0.0/8', TARGETS: '0', IMAGES: '../scale/images', MAP: '../scale/all.map' };
  const memory = { rss: process.memoryUsage.rss(), heap: heapUsed() };
  const { engine, problems } = makeEngine({ ...defines, ...limits, ...graph, OUT: '/dev/null' });
  const source = engine.links.find(({ from }) => from.element.className === 'FromDump')!;
  const farm = engine.elements.find(({ className }) => className === 'CloneFarm') as unknown as CloneFarm;
  await engine.start();
  try {
    const begin = threadTime();
    while (source.packets.value < size && engine.turn());
    // What is in the making is made before more is read.
    const born = threadTime();
    const made = source.packets.value;
    const [rss, heap] = [process.memoryUsage.rss() - memory.rss, heapUsed() - memory.heap];
    const since = threadTime();
    await engine.run();
    const known = (threadTime() - since) / (size + again - made);
    const total = farm.metrics.clones_made.value;
    if (total !== size) problems.push(`${total} clones were made, not ${size}`);
    if (problems.length > 0) throw new Error(problems.join('; '));
    return { birth: (born - begin) / size, known, bytes: rss / size, heap: heap / size };
  } finally {
    await engine.stop();
  }
}
