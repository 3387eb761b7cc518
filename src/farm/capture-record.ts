import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentReport } from './agent-report.js';
import type { CloneAccount } from './backend.js';
import type { CauseLine } from './cause.js';
import type { Assessment } from './monitor/evidence.js';
import type { UniverseKind } from './universes.js';

/** A machine of a universe. Addresses are text, times ISO 8601. */
export interface TreeNode {
  readonly clone: number;
  readonly address: string;
  readonly image: string;
  /** The clone whose packet called for it, null if a packet from outside did. */
  readonly parent: number | null;
  readonly depth: number;
  readonly born: string;
  readonly state: string;
  /** Flows it opened by itself. */
  readonly opened: number;
  readonly score: number;
  /** The packet that called for it. */
  readonly cause: CauseLine;
  /** When, which way and why it ended; null while it has not. */
  readonly ended: string | null;
  readonly ending: string | null;
  readonly reason: string | null;
}

/** A rule of policy that decided about flows of a clone, and how often. */
export interface RuleCount {
  readonly rule: string;
  readonly verdict: string;
  readonly flows: number;
}

export interface CapturedFile {
  readonly name: string;
  /** Bytes, holes included. */
  readonly size: number;
  readonly sha256: string;
}

/** What capture.json says beside the files. What a capture does not have is null. */
export interface CaptureFacts {
  readonly version: 1;
  readonly kind: 'clone' | 'universe';
  readonly time: string;
  /** Why it was captured, and why the clone or the universe ended. */
  readonly reason: string;
  readonly ending: string;
  readonly universe: {
    readonly id: number;
    readonly kind: UniverseKind;
    readonly source: string;
    readonly target: string;
    readonly born: string;
    readonly depth: number;
  };
  readonly clone: (TreeNode & { readonly mac: string; readonly active: string }) | null;
  /** From the clone's parent to the one that was contacted from outside, as far as they are known. */
  readonly chain: readonly TreeNode[];
  readonly tree: readonly TreeNode[];
  readonly image: { readonly name: string; readonly sha256: string | null; readonly size: number | null } | null;
  /** Bytes of pages in memory.delta; and of pages that were written to, are as in the image, and were left out. */
  readonly memory: { readonly bytes: number; readonly equal: number } | null;
  readonly traffic: {
    readonly frames: number;
    /** Frames, and their bytes, that came when the recording had no room, and why it had none. */
    readonly missed: number;
    readonly missedBytes: number;
    readonly full: string | null;
  };
  readonly verdicts: readonly RuleCount[];
  /** What the monitor says of the clone. Captures of versions before it have none. */
  readonly monitor?: Assessment | null;
  readonly report: { readonly listen: readonly string[]; readonly processes: Readonly<Record<string, number>> } | null;
  readonly account: CloneAccount | null;
}

export interface CaptureRecord extends CaptureFacts {
  readonly files: readonly CapturedFile[];
}

/** A report as JSON can hold it. */
export const writeReport = ({ listen, processes }: AgentReport) => ({
  listen: [...listen],
  processes: Object.fromEntries(processes),
});

export const readReport = ({ listen, processes }: ReturnType<typeof writeReport>): AgentReport => ({
  listen: new Set(listen),
  processes: new Map(Object.entries(processes)),
});

/** @throws {Error} that names the file, if it is missing or not the record of a capture */
export async function readCapture(folder: string): Promise<CaptureRecord> {
  const path = join(folder, 'capture.json');
  const text = await readFile(path, 'utf8');
  let record: Partial<CaptureRecord> | null;
  try {
    record = JSON.parse(text) as Partial<CaptureRecord> | null;
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
  if (record?.version !== 1 || (record.kind !== 'clone' && record.kind !== 'universe') || !record.files) {
    throw new Error(`${path}: expected the record of a capture, version 1, found version ${record?.version}`);
  }
  return record as CaptureRecord;
}

/** The names of all captures in a folder, those in the making left out, in order of time. None if it does not exist. */
export async function listCaptures(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.endsWith('.part'))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
