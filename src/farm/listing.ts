import { formatAddress } from '../packet/address.js';
import type { CloneAccount } from './backend.js';
import type { Refusal } from './births.js';
import { treeOf } from './capture.js';
import type { TreeNode } from './capture-record.js';
import type { CloneRecord, Universe, UniverseKind, Universes } from './universes.js';

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
  /** What the monitor says of it: see docs/monitoring.md. */
  readonly score: number;
  readonly rating: string;
  readonly reasons: readonly string[];
  /** Bytes: what the guest changed; and, null if not known, all it uses, its process beside the guest, and its disk. */
  readonly delta: number;
  readonly pss: number | null;
  readonly overhead: number | null;
  readonly disk: number | null;
}

export interface UniverseLine {
  readonly universe: number;
  readonly kind: UniverseKind;
  /** Who sent the root packet, and to which address. */
  readonly source: string;
  readonly target: string;
  readonly born: string;
  /** Null while it exists. */
  readonly ended: string | null;
  /** Clones that it has, and that it has had. */
  readonly clones: number;
  readonly made: number;
  readonly depth: number;
  /** The highest score that any of its clones had. */
  readonly score: number;
  /** Others outside who have joined it. */
  readonly influences: number;
}

/** All that is known of how a universe came about: its clones, those that are gone too, each with what called for it. */
export interface UniverseTree extends UniverseLine {
  readonly tree: readonly TreeNode[];
  /** Clones that are gone for which there was no room. */
  readonly forgotten: number;
  readonly joined: readonly {
    readonly source: string;
    readonly target: string;
    readonly since: string;
    readonly flows: number;
  }[];
  /** Flows of others who joined, when there was no room for more. */
  readonly strangers: number;
  /** Packets that would have called for a clone beyond a limit. */
  readonly refused: Readonly<Record<Refusal, number>>;
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
      score: clone.evidence?.score ?? 0,
      rating: clone.evidence?.rating ?? 'benign',
      reasons: clone.evidence?.reasons() ?? [],
      delta: tell.delta(clone.id),
      pss: known?.pss ?? null,
      overhead: known?.overhead ?? null,
      disk: known?.disk ?? null,
    };
  });
}

/** Universes, a JSON object a line. */
export function listUniverses(universes: Iterable<Universe>): string {
  return lines(universes, lineOf);
}

/** A universe of a number with its causal tree, as JSON; nothing if there is none, and has been none that is remembered. */
export function tellTree(universes: Universes, id: number, imageOf: (clone: CloneRecord) => string): string {
  const universe = universes.get(id) ?? universes.memory.get(id);
  if (!universe) return '';
  const { forgotten, influences, strangers, refused } = universe.tree;
  const told: UniverseTree = {
    ...lineOf(universe),
    tree: treeOf(universe, imageOf),
    forgotten,
    joined: [...influences.values()].map(({ source, target, since, flows }) => ({
      source: formatAddress(source),
      target: formatAddress(target),
      since: iso(since),
      flows,
    })),
    strangers,
    refused,
  };
  return JSON.stringify(told);
}

const lineOf = ({
  id,
  kind,
  source,
  target,
  born,
  ended,
  clones,
  made,
  depth,
  score,
  tree,
}: Universe): UniverseLine => ({
  universe: id,
  kind,
  source: formatAddress(source),
  target: formatAddress(target),
  born: iso(born),
  ended: ended === undefined ? null : iso(ended),
  clones: clones.size,
  made,
  depth,
  score: score ?? 0,
  influences: tree.influences.size,
});

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

function lines<T>(all: Iterable<T>, line: (one: T) => object): string {
  let text = '';
  for (const one of all) text += `${JSON.stringify(line(one))}\n`;
  return text;
}
