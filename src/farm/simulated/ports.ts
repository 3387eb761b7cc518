import { type Line, Mistake } from '../words.js';

/** Closed: answers that nobody listens. Filtered: does not answer. */
export type Unserved = 'closed' | 'filtered';

const PORTS = 65536;

/** What is on each port of a protocol. */
export class PortRules<S> {
  /** Number of each port's rule plus 1, 0 for the default. */
  private readonly numbers = new Uint8Array(PORTS);
  private readonly rules: (S | Unserved)[] = [];
  private others: Unserved = 'closed';

  of(port: number): S | Unserved {
    const number = this.numbers[port]!;
    return number === 0 ? this.others : this.rules[number - 1]!;
  }

  /**
   * Reads `PORTS RULE`: PORTS is `22`, `135, 137-139` or `others`; RULE is closed, filtered or a service.
   * @throws Mistake.
   */
  read(line: Line, services: Readonly<Record<string, () => S>>): void {
    const others = line.skip('others');
    const ranges = others ? [] : this.ranges(line);
    const unserved = ['closed', 'filtered'] as const;
    const names = others ? unserved : [...Object.keys(services), ...unserved];
    const { column } = line;
    const kind = line.choice<string>(names, 'service');
    const rule = kind === 'closed' || kind === 'filtered' ? kind : services[kind]!();
    if (others) this.others = rule as Unserved;
    else {
      if (this.rules.length === 255) throw new Mistake(column, 'more than 255 lines of ports');
      this.rules.push(rule);
      for (const [first, last] of ranges) this.numbers.fill(this.rules.length, first, last + 1);
    }
  }

  private ranges(line: Line): [number, number][] {
    const ranges: [number, number][] = [];
    do {
      const { column } = line;
      const word = line.word('a port, a range such as 137-139, or others');
      const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word);
      const first = Number(match?.[1] ?? Number.NaN);
      const last = Number(match?.[2] ?? first);
      if (!(first >= 1 && first <= last && last < PORTS)) {
        throw new Mistake(column, `expected a port, a range such as 137-139, or others, not '${word}'`);
      }
      const taken = this.numbers.subarray(first, last + 1).findIndex((number) => number !== 0);
      if (taken >= 0) throw new Mistake(column, `port ${first + taken} has a rule already`);
      ranges.push([first, last]);
    } while (line.skip(','));
    return ranges;
  }
}
