import { formatAddress } from '../packet/address.js';
import type { CloneAccount } from './backend.js';
import type { CloneRecord, Universe } from './universes.js';

/** A clone as it is told to people and programs. Times are ISO 8601. */
export interface CloneLine {
  readonly clone: number;
  readonly universe: number;
  readonly address: string;
  readonly image: string;
  readonly state: string;
  /** Its process, null if it has none of its own. */
  readonly pid: number | null;
  readonly depth: number;
  /** The clone that called for it; null if it was contacted from outside. */
  readonly parent: number | null;
  readonly born: string;
  readonly active: string;
  /** Flows it opened by itself. */
  readonly opened: number;
  /** Bytes: what the guest changed; and, null if not known, all it uses, its process beside the guest, and its disk. */
  readonly delta: number;
  readonly pss: number | null;
  readonly overhead: number | null;
  readonly disk: number | null;
}

export interface UniverseLine {
  readonly universe: number;
  /** Who sent the root packet, and to which address. */
  readonly source: string;
  readonly target: string;
  readonly born: string;
  readonly clones: number;
  readonly depth: number;
}

/** Clones, a JSON object a line. Accounts are slow to get: `account` tells what is known already. */
export function listClones(
  clones: Iterable<CloneRecord>,
  tell: {
    imageOf(clone: CloneRecord): string;
    delta(id: number): number;
    pid(id: number): number | undefined;
    account(id: number): CloneAccount | undefined;
  },
): string {
  return lines(clones, (clone): CloneLine => {
    const known = tell.account(clone.id);
    return {
      clone: clone.id,
      universe: clone.universe.id,
      address: formatAddress(clone.address),
      image: tell.imageOf(clone),
      state: clone.state,
      pid: tell.pid(clone.id) ?? null,
      depth: clone.depth,
      parent: clone.parent?.id ?? null,
      born: iso(clone.born),
      active: iso(clone.active),
      opened: clone.opened,
      delta: tell.delta(clone.id),
      pss: known?.pss ?? null,
      overhead: known?.overhead ?? null,
      disk: known?.disk ?? null,
    };
  });
}

/** All universes, a JSON object a line. */
export function listUniverses(universes: Iterable<Universe>): string {
  return lines(
    universes,
    ({ id, source, target, born, clones, depth }): UniverseLine => ({
      universe: id,
      source: formatAddress(source),
      target: formatAddress(target),
      born: iso(born),
      clones: clones.size,
      depth,
    }),
  );
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

function lines<T>(all: Iterable<T>, line: (one: T) => object): string {
  let text = '';
  for (const one of all) text += `${JSON.stringify(line(one))}\n`;
  return text;
}
