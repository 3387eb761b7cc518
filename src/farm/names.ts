import type { Services } from '../pipeline/element.js';
import { Universes } from './universes.js';

/** A name or pattern as a person writes it: `example.com`, `*.example.com`. Undefined if it is none. */
export function readNamePattern(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  const labels = name.replace(/^\*\./, '').split('.');
  const sound = name.length <= 253 && labels.every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
  return sound || name === '*' ? name : undefined;
}

/** Whether a name is the pattern, or below the name that a pattern `*.NAME` is about. */
export function nameMatches(pattern: string, name: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) && name.length >= pattern.length : name === pattern;
}

/** Seconds for which an answer is remembered: longer than its TTL, since malware goes on using what it was told. */
const HOLD = 3600;
/** Names of an address, addresses of a universe, and of all universes. */
const NAMES = 8;
const OF_UNIVERSE = 4096;
const OF_ALL = 1 << 18;

interface Told {
  readonly name: string;
  until: number;
}

/** Which names clones have looked up, and which addresses they were told: rules may ask for the name of a destination. */
export class LearntNames {
  /** Addresses that were forgotten before their time, because there was no room. */
  forgotten = 0;
  /** Addresses that are remembered now. */
  size = 0;
  private readonly clock: { readonly now: number };
  private readonly universes = new Map<number, Map<number, Told[]>>();

  constructor(services: Services) {
    this.clock = services.clock;
    services.shared(Universes).onClose(({ id }) => {
      this.size -= this.universes.get(id)?.size ?? 0;
      this.universes.delete(id);
    });
  }

  /** A clone of a universe has been told that a name has an address. */
  note(universe: number, name: string, address: number): void {
    const known = this.universes.get(universe) ?? new Map<number, Told[]>();
    this.universes.set(universe, known);
    const until = this.clock.now + HOLD;
    const told = known.get(address);
    // What was told last stands last, and the first is forgotten first.
    if (told) known.delete(address);
    else if (!this.makeRoom(known)) return;
    const others = (told ?? []).filter((each) => each.name !== name && each.until > this.clock.now);
    known.set(address, [...others.slice(-(NAMES - 1)), { name, until }]);
  }

  /** The names for which clones of a universe were told an address. */
  of(universe: number, address: number): readonly string[] {
    const told = this.universes.get(universe)?.get(address);
    return told ? told.filter(({ until }) => until > this.clock.now).map(({ name }) => name) : NONE;
  }

  /** All of them: universe, name and address, a line each. */
  *list(): Generator<{ universe: number; name: string; address: number }> {
    for (const [universe, known] of this.universes) {
      for (const [address, told] of known) for (const { name } of told) yield { universe, name, address };
    }
  }

  private makeRoom(known: Map<number, Told[]>): boolean {
    if (known.size >= OF_UNIVERSE || this.size >= OF_ALL) {
      this.forgotten++;
      const [oldest] = known.keys();
      if (oldest === undefined) return false;
      known.delete(oldest);
    } else this.size++;
    return true;
  }
}

const NONE: readonly string[] = [];
