/** Network namespaces for tests: made under a unique name, and removed with everything in them. */
import { execFileSync } from 'node:child_process';

/** Why namespaces cannot be made here, or false. For tap's `skip`. */
export const noNamespaces: string | false =
  process.getuid?.() === 0 ? false : 'needs root: network namespaces cannot be made';

/** Runs `ip` with these arguments; throws what it printed. */
export function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

let made = 0;

/** A pair of namespaces joined by a veth pair: 192.0.2.1/24 on `left`'s veth, 192.0.2.2/24 on `right`'s. */
export class Pair {
  readonly id = `${process.pid}-${made++}`;
  readonly left = `potemkin-test-l${this.id}`;
  readonly right = `potemkin-test-r${this.id}`;
  /** The interface in both. */
  readonly name = 'leg';

  constructor() {
    try {
      for (const space of [this.left, this.right]) ip('netns', 'add', space);
      this.connect();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Makes the veth pair. */
  connect(): void {
    const { left, right, name } = this;
    ip('-n', left, 'link', 'add', name, 'type', 'veth', 'peer', 'name', name, 'netns', right);
    for (const [space, last] of [
      [left, 1],
      [right, 2],
    ] as const) {
      ip('-n', space, 'link', 'set', name, 'address', `02:00:00:00:00:0${last}`);
      ip('-n', space, 'addr', 'add', `192.0.2.${last}/24`, 'dev', name);
      ip('-n', space, 'link', 'set', 'lo', 'up');
      ip('-n', space, 'link', 'set', name, 'up');
    }
  }

  /** Removes whatever is there. */
  remove(): void {
    for (const space of [this.left, this.right]) {
      try {
        ip('netns', 'del', space);
      } catch {
        // It was not made, or the test removed it.
      }
    }
  }
}
