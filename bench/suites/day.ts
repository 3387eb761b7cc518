import { growth, halves } from '../day/growth.js';
import { type Day, type Look, playDay } from '../day/play.js';
import { short } from '../figure.js';
import type { Panel } from '../plot/svg.js';
import type { Bench, Suite } from '../suite.js';

const DAY: Day = { packets: 100_000_000, seconds: 86_400 };
/** At the same rate, for half an hour. */
const QUICK: Day = { packets: 2_000_000, seconds: 1728 };

/** What of a quantity of the first half of the day the second half may have more, in percent. */
const MOST_GROWTH = 5;

const MB = 1e6;
const MEMORY: readonly { name: string; of: (look: Look) => number }[] = [
  { name: 'rss', of: ({ rss }) => rss },
  { name: 'heap', of: ({ heap }) => heap },
  { name: 'buffers', of: ({ buffers }) => buffers },
];

/** Memory and rate over the day. */
export function dayPanels(looks: readonly Look[]): Panel[] {
  const hours = (look: Look) => look.time / 3600;
  const line = (name: string, of: (look: Look) => number) => ({
    name,
    points: looks.map((look) => [hours(look), of(look)] as const),
  });
  /** How something that is counted went on from each look to the next. */
  const between = (of: (look: Look, before: Look) => number) =>
    looks.flatMap((look, i) => {
      const before = looks[i - 1];
      return before && look.packets > before.packets && look.time > before.time
        ? [[hours(look), of(look, before)] as const]
        : [];
    });
  const rate = between((look, before) => (look.packets - before.packets) / (look.time - before.time));
  const cost = between((look, before) => (look.processor - before.processor) / (look.packets - before.packets) / 1000);
  const x = { label: 'hours', zero: true };
  return [
    {
      title: 'Memory of the process',
      x,
      y: { label: 'MB', zero: true },
      series: [
        line('resident', ({ rss }) => rss / MB),
        line('buffers', ({ buffers }) => buffers / MB),
        line('of clones', ({ delta }) => delta / MB),
        line('heap', ({ heap }) => heap / MB),
      ],
    },
    {
      title: 'Clones and universes that exist',
      x,
      y: { label: 'number', zero: true },
      series: [line('clones', ({ clones }) => clones), line('universes', ({ universes }) => universes)],
    },
    {
      title: 'Packets of the capture',
      x,
      y: { label: 'packets a second', zero: true },
      series: [{ name: 'rate', points: rate }],
    },
    {
      title: 'Processor time, all included',
      x,
      y: { label: 'µs a packet', zero: true },
      series: [{ name: 'µs a packet', points: cost }],
    },
  ];
}

async function run(bench: Bench): Promise<void> {
  const day = bench.quick ? QUICK : DAY;
  const looks = await playDay(day, ({ packets, rss }) =>
    bench.progress(`day: ${short(packets / 1e6)}M of ${day.packets / 1e6}M packets, ${short(rss / MB)} MB`),
  );
  const last = looks.at(-1)!;
  bench.report({ name: 'day/packet', unit: 'ns/packet', values: [last.processor / last.packets] });
  bench.report({ name: 'day/clones-made', unit: 'clones', values: [last.made] });
  for (const { name, of } of MEMORY) {
    const percent = growth(looks, of) * 100;
    bench.report({ name: `day/${name}`, unit: 'MB', values: [halves(looks, of)[1] / MB] });
    bench.report({ name: `day/${name}-growth`, unit: '%', values: [percent], goal: MOST_GROWTH });
    if (percent > MOST_GROWTH) {
      bench.note(`day: ${name} grew by ${short(percent)} % from the first half to the second, ${MOST_GROWTH} % may be`);
      process.exitCode = 1;
    }
  }
  bench.plot('day', dayPanels(looks));
}

export const day: Suite = {
  name: 'day',
  summary: 'a day of a /16, 100M packets, through the whole gateway with simulated clones: is its memory flat?',
  long: true,
  missing: () => (globalThis.gc ? undefined : 'node must be started with --expose-gc'),
  run,
};
