import { formatAddress } from '../../packet/address.js';
import type { EngineEvent } from '../../pipeline/events.js';

type Clone = Extract<EngineEvent, { kind: 'clone' }>;
type Malicious = Extract<EngineEvent, { kind: 'malicious' }>;
type Verdict = Extract<EngineEvent, { kind: 'verdict' }>;

/** What happened so far, from the events of a gateway. */
export class StoryRecord {
  /** The source of each universe. */
  readonly universes = new Map<number, string>();
  readonly clones: Clone[] = [];
  readonly verdicts: Verdict[] = [];
  /** Clones that were found malicious. */
  readonly malicious: Malicious[] = [];

  add(event: EngineEvent): void {
    if (event.kind === 'universe') this.universes.set(event.universe, formatAddress(event.source));
    else if (event.kind === 'clone') this.clones.push(event);
    else if (event.kind === 'verdict') this.verdicts.push(event);
    else if (event.kind === 'malicious') this.malicious.push(event);
  }

  /** Clones in universes that a source has opened, in the order of their making. */
  clonesOf(source: string): Clone[] {
    return this.clones.filter(({ universe }) => this.universes.get(universe) === source);
  }

  /** Clones that were found malicious in universes that a source has opened. */
  maliciousOf(source: string): Malicious[] {
    return this.malicious.filter(({ universe }) => this.universes.get(universe) === source);
  }

  /** Clones that play an address. */
  playersOf(address: string): Clone[] {
    return this.clones.filter((clone) => formatAddress(clone.address) === address);
  }

  /** Connections that clones began by themselves, by what became of them. */
  attempts(): Map<string, number> {
    const attempts = new Map<string, number>();
    for (const { verdict } of this.verdicts) attempts.set(verdict, (attempts.get(verdict) ?? 0) + 1);
    return attempts;
  }
}

/** A chain of causes from its first machine on, `A 10.99.66.1 → B 10.99.66.2`, as far as each clone was called by the one before. */
export function chainText(clones: readonly Clone[]): string {
  const links: string[] = [];
  let caller = 0;
  for (const { clone, address, cause } of clones) {
    if (cause.clone !== caller) break;
    links.push(`${String.fromCharCode(65 + links.length)} ${formatAddress(address)}`);
    caller = clone;
  }
  return links.join(' → ');
}
