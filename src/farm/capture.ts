import { join } from 'node:path';
import { formatAddress } from '../packet/address.js';
import type { AgentReport } from './agent-report.js';
import type { CloneAccount } from './backend.js';
import { type CaptureFacts, type TreeNode, writeReport } from './capture-record.js';
import type { CaptureOutcome, CaptureStore } from './capture-store.js';
import { causeLine } from './cause.js';
import { type DeltaSource, exportDelta } from './delta.js';
import { bytesOf } from './delta-file.js';
import { allocated, copyDisk } from './disk-copy.js';
import { type CapturedWire, pcapng } from './pcapng.js';
import type { Recording } from './recording.js';
import type { CloneRecord, Universe } from './universes.js';

/** What is captured of a clone, which holds still. What it does not have is left out. */
export interface CapturedClone {
  readonly clone: CloneRecord;
  readonly image: string;
  /** By the engine's clock. */
  readonly now: number;
  /** Why it is captured, and why it ends. */
  readonly reason: string;
  readonly ending: string;
  readonly tree: readonly TreeNode[];
  readonly memory?: DeltaSource;
  /** Descriptor of its disk's overlay. It stays the caller's. */
  readonly disk?: number;
  readonly recording?: Recording;
  readonly report?: AgentReport;
  readonly account?: CloneAccount;
}

/** What is captured of a universe: the traffic of its clones. */
export interface CapturedUniverse {
  readonly universe: Universe;
  readonly now: number;
  readonly reason: string;
  readonly ending: string;
  readonly tree: readonly TreeNode[];
  /** Those that are gone as well, if their recordings were kept. */
  readonly wires: readonly CapturedWire[];
}

/** Names of the files of a capture. */
export const FILES = { memory: 'memory.delta', disk: 'disk.delta', traffic: 'traffic.pcapng' } as const;

/** Bytes that capture.json may take, without the tree; and a clone in the tree. */
const RECORD = 256 * 1024;
const NODE = 1024;
/** Bytes that pcapng adds to a frame, over what its recording takes. */
const BLOCK = 40;

/** The clones that a universe has, and has had as far as they are remembered. `image` gives the name of a clone's image. */
export function treeOf({ tree, clones }: Universe, image: (clone: CloneRecord) => string): TreeNode[] {
  return [...tree.past, ...[...clones.values()].map((clone) => nodeOf(clone, image(clone)))];
}

/** How a clone ended. */
export interface End {
  readonly time: number;
  readonly ending: string;
  readonly reason: string;
}

export function nodeOf(clone: CloneRecord, image: string, end?: End): TreeNode {
  const { id, address, parent, depth, born, state, opened, evidence, cause } = clone;
  return {
    clone: id,
    address: formatAddress(address),
    image,
    parent: parent?.id ?? null,
    depth,
    born: iso(born),
    state,
    opened,
    score: evidence?.score ?? 0,
    cause: causeLine(cause),
    ended: end ? iso(end.time) : null,
    ending: end?.ending ?? null,
    reason: end?.reason ?? null,
  };
}

/**
 * Writes all that is known of a clone into a folder of its own. The clone is paused, and stays so until this is done.
 * Files are written beside the event loop; memory is read in small pieces.
 */
export function captureClone(store: CaptureStore, subject: CapturedClone): Promise<CaptureOutcome> {
  const { clone, image, memory, disk, recording, now, report } = subject;
  const { id, universe, address, mac } = clone;
  return store.add({
    name: `${compact(now)}-u${universe.id}-c${id}-${formatAddress(address)}`,
    size: () =>
      RECORD +
      subject.tree.length * NODE +
      (memory ? bytesOf(memory.dirtyRanges()) : 0) +
      (disk === undefined ? 0 : allocated(disk)) +
      trafficBytes(recording ? [recording] : []),
    fill: async (folder) => {
      const sha256 = memory ? (await memory.image.digest()).toString('hex') : null;
      const exported = memory && (await exportDelta(memory, join(folder.path, FILES.memory), { differing: true }));
      if (disk !== undefined) await copyDisk(disk, join(folder.path, FILES.disk));
      if (recording) {
        const wire = { address, mac, clone: id, universe: universe.id, image, recording };
        await folder.write(FILES.traffic, pcapng([wire], subject.reason));
      }
      const node = nodeOf(clone, image);
      return {
        ...common(subject, universe),
        kind: 'clone',
        clone: {
          ...node,
          mac: Buffer.from(mac)
            .toString('hex')
            .replace(/..(?=.)/g, '$&:'),
          active: iso(clone.active),
        },
        chain: chainOf(clone, subject.tree),
        image: { name: image, sha256, size: memory?.size ?? null },
        memory: exported ?? null,
        traffic: trafficOf(recording ? [recording] : []),
        verdicts: [...(clone.verdicts?.values() ?? [])],
        monitor: clone.evidence?.tell() ?? null,
        report: report ? writeReport(report) : null,
        account: subject.account ?? null,
      };
    },
  });
}

/** Writes the traffic of all clones of a universe into one file, in the order of time. */
export function captureUniverse(store: CaptureStore, subject: CapturedUniverse): Promise<CaptureOutcome> {
  const { universe, wires, tree, now } = subject;
  const recordings = wires.map(({ recording }) => recording);
  return store.add({
    name: `${compact(now)}-u${universe.id}`,
    size: () => RECORD + tree.length * NODE + trafficBytes(recordings),
    fill: async (folder) => {
      await folder.write(FILES.traffic, pcapng(wires, subject.reason));
      return {
        ...common(subject, universe),
        kind: 'universe',
        clone: null,
        chain: [],
        image: null,
        memory: null,
        traffic: trafficOf(recordings),
        verdicts: [],
        monitor: null,
        report: null,
        account: null,
      };
    },
  });
}

function common({ now, reason, ending, tree }: CapturedClone | CapturedUniverse, universe: Universe) {
  const { id, kind, source, target, born, depth } = universe;
  return {
    version: 1,
    time: iso(now),
    reason,
    ending,
    universe: { id, kind, source: formatAddress(source), target: formatAddress(target), born: iso(born), depth },
    tree,
  } as const satisfies Partial<CaptureFacts>;
}

/** The clones that led to a clone, its parent first. */
function chainOf({ parent }: CloneRecord, tree: readonly TreeNode[]): TreeNode[] {
  const byId = new Map(tree.map((node) => [node.clone, node]));
  const chain: TreeNode[] = [];
  for (let node = byId.get(parent?.id ?? 0); node && !chain.includes(node); node = byId.get(node.parent ?? 0)) {
    chain.push(node);
  }
  return chain;
}

function trafficOf(recordings: readonly Recording[]): CaptureFacts['traffic'] {
  const sum = (of: (recording: Recording) => number) => recordings.reduce((total, each) => total + of(each), 0);
  return {
    frames: sum(({ frames }) => frames),
    missed: sum(({ missed }) => missed),
    missedBytes: sum(({ missedBytes }) => missedBytes),
    full: recordings.find(({ full }) => full !== undefined)?.full ?? null,
  };
}

const trafficBytes = (recordings: readonly Recording[]): number =>
  recordings.reduce((sum, { size, frames }) => sum + size + frames * BLOCK, 0);

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** `20250102T030405.678Z`: names of folders that sort by time. */
const compact = (seconds: number): string => iso(seconds).replace(/[-:]/g, '');
