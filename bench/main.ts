/** The benchmark: see HELP. `npm run bench` sets up what it needs and calls it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findClick } from './click.js';
import { type Figure, summarize, table } from './figure.js';
import { drawSvg } from './plot/svg.js';
import type { Bench, Suite } from './suite.js';
import { chains } from './suites/chains.js';
import { clones } from './suites/clones.js';
import { day } from './suites/day.js';
import { drivers } from './suites/drivers.js';
import { floor } from './suites/floor.js';
import { flows } from './suites/flows.js';
import { gre } from './suites/gre.js';
import { guest } from './suites/guest.js';
import { live } from './suites/live.js';
import { native } from './suites/native.js';
import { policy } from './suites/policy.js';
import { pool } from './suites/pool.js';
import { scale } from './suites/scale.js';
import { stop } from './suites/stop.js';
import { workers } from './suites/workers.js';

const SUITES: readonly Suite[] = [
  chains,
  floor,
  native,
  gre,
  pool,
  guest,
  flows,
  policy,
  workers,
  clones,
  drivers,
  live,
  stop,
  scale,
  day,
];

const ROUNDS = 9;
const QUICK_ROUNDS = 3;
/** Where `npm start` has its images. */
const STATE = fileURLToPath(new URL('../../.cache/state', import.meta.url));

const HELP = `npm run bench -- [NAME…] [--quick] [--json FILE]

Measures speed and memory. NAME is a suite, or one case of a suite; all but those that take long are measured if none is named.

${SUITES.map(({ name, summary, long }) => `  ${name.padEnd(8)} ${summary}${long ? ' (long)' : ''}`).join('\n')}

  --quick      ${QUICK_ROUNDS} runs of each case instead of ${ROUNDS}; fewer clones
  --against click
               also run the \`click\` of the PATH in the same turns, and give ratios (chains)
  --plots DIR  draw what can be drawn there (scale, day)
  --state DIR  the folder whose images are cloned (.cache/state)
  --json FILE  write the figures there, as [{name, value, unit, runs, min, median, max}], value being the median;
               - is standard output
  --help       this text

Examples
  npm run bench
  npm run bench -- gre pool
  npm run bench -- chains/flows-10k --json figures.json
  npm run bench -- --quick chains
`;

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function tell(text: string): void {
  progress('');
  process.stderr.write(`${text}\n`);
}

/** The program to measure beside ours. */
function other(name: string): string {
  if (name !== 'click') throw new Error(`--against knows click, not ${name}`);
  const click = findClick();
  if (click === undefined) {
    throw new Error('there is no `click` on the PATH; it is built from https://github.com/kohler/click');
  }
  return click;
}

/** Runs a suite, or says why it does not. */
async function measure(suite: Suite, bench: Bench): Promise<void> {
  const missing = suite.missing?.(bench);
  if (missing) {
    console.error(`${suite.name}: skipped: ${missing}`);
    return;
  }
  if (!process.stderr.isTTY) console.error(`${suite.name}: ${suite.summary}`);
  await suite.run(bench);
  progress('');
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      quick: { type: 'boolean', default: false },
      state: { type: 'string', default: STATE },
      plots: { type: 'string' },
      against: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const chosen = SUITES.filter(
    ({ name, long }) =>
      (positionals.length === 0 && !long) || positionals.some((wanted) => wanted.split('/')[0] === name),
  );
  for (const wanted of positionals) {
    if (!SUITES.some(({ name }) => name === wanted.split('/')[0])) {
      throw new Error(`there is no suite ${wanted}; there are: ${SUITES.map(({ name }) => name).join(', ')}`);
    }
  }
  const click = values.against === undefined ? undefined : other(values.against);
  const figures: Figure[] = [];
  const notes: string[] = [];
  const bench: Bench = {
    rounds: values.quick ? QUICK_ROUNDS : ROUNDS,
    quick: values.quick,
    state: resolve(values.state),
    ...(click !== undefined && { click }),
    wants: (name) =>
      positionals.length === 0 || positionals.some((wanted) => name === wanted || name.startsWith(`${wanted}/`)),
    report: (figure) => figures.push(figure),
    note: (text) => notes.push(text),
    plot: (name, panels) => {
      if (values.plots === undefined) return;
      mkdirSync(values.plots, { recursive: true });
      const file = join(values.plots, `${name}.svg`);
      writeFileSync(file, drawSvg(panels));
      notes.push(`drawn: ${file}`);
    },
    progress,
    tell,
  };
  for (const suite of chosen) await measure(suite, bench);
  if (positionals.length > 0 && chosen.length > 0 && figures.length === 0) {
    console.error(`nothing was measured for ${positionals.join(', ')}`);
    process.exitCode = 1;
  }
  if (values.json)
    writeFileSync(values.json === '-' ? 1 : values.json, `${JSON.stringify(figures.map(summarize), null, 2)}\n`);
  if (values.json !== '-') console.log([table(figures), ...notes].join('\n\n'));
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
