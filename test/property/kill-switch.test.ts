/**
 * Random graphs between a source and two exits, with elements that hold packets among them: once export is stopped no
 * packet reaches an exit, whatever was under way, and every one of them is accounted for.
 */
import fc from 'fast-check';
import t from 'tap';
import { elements } from '../../src/elements/index.js';
import { checkGraph } from '../../src/pipeline/check.js';
import { Clock } from '../../src/pipeline/clock.js';
import { Element } from '../../src/pipeline/element.js';
import { Engine } from '../../src/pipeline/engine.js';
import { KillSwitch } from '../../src/pipeline/kill-switch.js';
import { Registry } from '../../src/pipeline/registry.js';
import type { Spec } from '../../src/pipeline/spec.js';
import { craft } from '../unit/craft.js';
import { Exit } from '../unit/exit.js';

const feedSpec = {
  summary: 'gives packets',
  inputs: {},
  outputs: { out: '' },
  config: {},
  drops: {},
} as const satisfies Spec;

class Feed extends Element<typeof feedSpec> {
  static readonly spec = feedSpec;
  waits = 0;

  override pull(max: number): boolean {
    for (let n = Math.min(max, this.waits); n > 0; n--, this.waits--) {
      const row = this.packets.take();
      const bytes = craft({ sport: this.waits });
      this.packets.bytes.set(bytes, this.packets.start[row]!);
      this.packets.length[row] = bytes.length;
      this.out.out.add(row);
    }
    return this.waits > 0;
  }
}

const registry = new Registry([...elements.names.map((name) => elements.get(name)!), Feed, Exit]);

/** One input, one output. */
const LINKS = ['Queue(7)', 'Queue', 'Shaper(20)', 'BandwidthShaper(900)', 'RandomSample(0.7)', 'Counter', 'Paint(3)'];
/** One input, two outputs. */
const FORKS = ['Tee', 'RoundRobinSwitch', 'Meter(9)', 'HashSwitch(12, 8)'];

const chain = fc.array(fc.constantFrom(...LINKS), { maxLength: 4 });
const step = fc.oneof(
  fc.record({ offer: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ wait: fc.constantFrom(0.01, 0.1, 1, 10) }),
);
const steps = fc.array(step, { maxLength: 8 });

const connect = (from: string, links: readonly string[], to: string) => `${[from, ...links, to].join(' -> ')};`;

t.test('once export is stopped no packet reaches an exit', async (t) => {
  let held = 0;
  await fc.assert(
    fc.property(
      fc.constantFrom(...FORKS),
      chain,
      chain,
      chain,
      steps,
      steps,
      (fork, trunk, left, right, before, after) => {
        const text = [
          `feed :: Feed; one :: Exit; two :: Exit; fork :: ${fork};`,
          connect('feed', trunk, 'fork'),
          connect('fork[0]', left, 'one'),
          connect('fork[1]', right, 'two'),
        ].join('\n');
        const { graph, diagnostics } = checkGraph({ file: 'random.click', text }, registry);
        if (!graph) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
        const clock = new Clock({ virtual: true, now: 1_000_000 });
        const killSwitch = new KillSwitch();
        const engine = new Engine(graph, registry, { clock, killSwitch, checked: true, seed: 1n });
        const feed = engine.elements.find((each) => each instanceof Feed)!;
        const exits = engine.elements.filter((each) => each instanceof Exit);
        const run = () => {
          while (engine.turn());
        };
        const play = (list: typeof before) => {
          for (const each of list) {
            if ('offer' in each) feed.waits += each.offer;
            else clock.advance(clock.now + each.wait);
            run();
          }
        };
        const sent = () => exits.reduce((sum, exit) => sum + exit.sent, 0);
        const refused = () => exits.reduce((sum, exit) => sum + exit.drops['stopped' as never]['rows'], 0);
        play(before);
        if (refused() > 0) throw new Error('packets were refused before the stop');
        // Packets that have not even begun, beside those that are held on the way.
        feed.waits += 5;
        const leftAlready = sent();
        killSwitch.stop('test', '');
        play(after);
        clock.advance(clock.now + 10_000);
        run();
        if (sent() !== leftAlready) throw new Error(`${sent() - leftAlready} packets left after the stop`);
        held += refused();
      },
    ),
    { numRuns: 200 },
  );
  t.ok(held > 1000, 'many would have left');
});
