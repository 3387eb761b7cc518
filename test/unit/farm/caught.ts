/** Clones to capture, for tests. */
import { openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseReport } from '../../../src/farm/agent-report.js';
import { type CapturedClone, treeOf } from '../../../src/farm/capture.js';
import { CausalTree } from '../../../src/farm/causal-tree.js';
import { PAGE_SIZE, type Pool } from '../../../src/farm/pool.js';
import { type CloneRecord, noteVerdict, type Universe } from '../../../src/farm/universes.js';
import { cloneMac } from '../../../src/farm/wire.js';
import { parseAddress } from '../../../src/packet/address.js';
import { tcp } from '../native/build.js';
import { wireOf } from './recorded.js';

export const NOW = 1_700_000_000.5;
export const SIZE = 1024 * PAGE_SIZE;

/** A universe in which each clone called for the next. */
export function chain(...addresses: string[]): Universe {
  const universe: Universe = {
    id: 3,
    kind: 'closed',
    source: 0xc6336401,
    target: 0,
    born: NOW - 60,
    clones: new Map(),
    made: 0,
    ended: undefined,
    tree: new CausalTree(),
    depth: 0,
  };
  let parent: CloneRecord | undefined;
  for (const [i, text] of addresses.entries()) {
    const address = parseAddress(text)!;
    const clone: CloneRecord = {
      id: i + 1,
      universe,
      address,
      inside: address,
      image: 0,
      mac: cloneMac(i + 1),
      parent,
      depth: i + 1,
      born: NOW - 50 + i,
      cause: {
        source: parent?.address ?? universe.source,
        proto: 6,
        sport: 1024,
        dport: 80,
        tcpFlags: 2,
        licence: undefined,
      },
      state: 'live',
      active: NOW - 1,
      opened: 1,
      called: 0,
      farm: {},
    };
    universe.clones.set(address, clone);
    universe.depth = i + 1;
    parent = clone;
  }
  return universe;
}

/** The last clone of a chain A→B→C, with a delta of `pages` pages, a disk and some traffic. */
export function caught(pool: Pool, folder: string, pages = 5): CapturedClone & { readonly disk: number } {
  const universe = chain('10.99.0.1', '10.99.0.2', '10.99.0.3');
  const clone = [...universe.clones.values()].at(-1)!;
  for (let flow = 0; flow < 4; flow++) noteVerdict(clone, 'reflect.policy:12', 'reflect');
  const image = pool.createImage(SIZE);
  image.write(0, new Uint8Array(SIZE / 4).fill(0x55));
  image.seal();
  const memory = image.clone();
  for (let i = 0; i < pages; i++) memory.write(i * 2 * PAGE_SIZE, Uint8Array.of(7));
  memory.touch(Uint32Array.of(901));
  const disk = join(folder, 'disk');
  writeFileSync(disk, Buffer.concat([Buffer.alloc(1 << 20), Buffer.from('written')]));
  const { recording } = wireOf(clone.id, '10.99.0.3', [{ at: NOW - 40, direction: 'in', packet: tcp() }]);
  return {
    clone,
    image: 'linux',
    now: NOW,
    reason: 'opened 1 connection of its own',
    ending: 'kept long enough',
    tree: treeOf(universe, () => 'linux'),
    memory,
    disk: openSync(disk, 'r'),
    recording,
    report: parseReport('listen tcp 22\nprocess sh 2\nend\n'),
    account: { delta: 6 * PAGE_SIZE, pss: 30 << 20, overhead: 26 << 20, disk: 4096 },
  };
}
