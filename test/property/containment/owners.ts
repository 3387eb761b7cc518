/** Who has a conversation with the outside; nobody in another universe can have the same. */
import { conversation, type Look } from './bytes.js';
import { type Guest, Violation } from './guest.js';

interface Owner {
  readonly guest: Guest;
  readonly at: number;
  readonly step: number;
  readonly reloads: number;
  readonly how: How;
}

type How = 'left' | 'begun outside';

/** Seconds for which a quiet flow stays in a full table. */
const SPARED = 2;

export class Owners {
  private readonly now: () => number;
  private readonly all = new Map<string, Owner>();
  private step = 0;
  private reloads = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  /** @throws {Violation} if a conversation leaves that somebody in another universe has */
  own(guest: Guest, name: string, how: How): void {
    const key = `${guest.address} ${name}`;
    const { step, reloads } = this;
    const other = this.all.get(key);
    const holds =
      other?.guest.alive &&
      other.guest.universe !== guest.universe &&
      other.step !== step &&
      other.reloads === reloads &&
      this.now() - other.at < SPARED;
    if (holds && how === 'left')
      throw new Violation(
        `universes ${other.guest.universe} and ${guest.universe} share a conversation with the outside`,
      );
    const sticks = how === 'left' && other?.guest === guest ? other.how : how;
    this.all.set(key, { guest, at: this.now(), step, reloads, how: sticks });
  }

  /** A policy is read again. */
  reload(): void {
    this.reloads++;
  }

  /**
   * The gateway rests.
   * @param sent what clones have sent meanwhile
   * @param lost what has come from outside meanwhile and no clone has got
   */
  rest(
    sent: Iterable<{ readonly guest: Guest; readonly packet: Look; readonly left: boolean }>,
    lost: Iterable<Look>,
  ): void {
    for (const { guest, packet, left } of sent) {
      // What was decided about it may have changed, so others may have it from now on.
      const key = `${guest.address} ${conversation(packet, 'src')}`;
      const owner = this.all.get(key);
      if (!left && owner?.guest === guest && owner.how === 'left') this.all.delete(key);
    }
    // A conversation of which the gateway has lost a packet is forgotten, and free for others.
    for (const { src, dst } of lost)
      for (const [key, { guest }] of this.all)
        if (guest.address === dst && key.split(/[ ,]/).includes(String(src))) this.all.delete(key);
    this.step++;
  }
}
