/** The benchmark: see HELP. `npm run bench` sets up what it needs and calls it. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Figure, summarize, table } from './figure.js';
import type { Bench, Suite } from './suite.js';
import { chains } from './suites/chains.js';
import { drivers } from './suites/drivers.js';
import { flows } from './suites/flows.js';
import { gre } from './suites/gre.js';
import { guest } from './suites/guest.js';
import { policy } from './suites/policy.js';
import { pool } from './suites/pool.js';

const SUITES: readonly Suite[] = [chains, gre, pool, guest, flows, policy, drivers];

const ROUNDS = 9;
const QUICK_ROUNDS = 3;

const HELP = `npm run bench -- [NAME…] [--quick] [--json FILE]

Measures speed and memory. NAME is a suite, or one case of a suite; all are measured if none is named.

${SUITES.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n')}

  --quick      ${QUICK_ROUNDS} runs of each case instead of ${ROUNDS}
  --json FILE  write the figures there, as [{name, value, unit, runs, min, median, max}], value being the median;
               - is standard output
  --help       this text

Examples
  npm run bench
  npm run bench -- gre pool
  npm run bench -- chains/chain-10k --json figures.json
  npm run bench -- --quick chains
`;

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Runs a suite, or says why it does not. */
async function measure(suite: Suite, bench: Bench): Promise<void> {
  const missing = suite.missing?.();
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
    options: { json: { type: 'string' }, quick: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const chosen = SUITES.filter(
    ({ name }) => positionals.length === 0 || positionals.some((wanted) => wanted.split('/')[0] === name),
  );
  for (const wanted of positionals) {
    if (!SUITES.some(({ name }) => name === wanted.split('/')[0])) {
      throw new Error(`there is no suite ${wanted}; there are: ${SUITES.map(({ name }) => name).join(', ')}`);
    }
  }
  const figures: Figure[] = [];
  const bench: Bench = {
    rounds: values.quick ? QUICK_ROUNDS : ROUNDS,
    wants: (name) =>
      positionals.length === 0 || positionals.some((wanted) => name === wanted || name.startsWith(`${wanted}/`)),
    report: (figure) => figures.push(figure),
    progress,
  };
  for (const suite of chosen) await measure(suite, bench);
  if (positionals.length > 0 && chosen.length > 0 && figures.length === 0) {
    console.error(`nothing was measured for ${positionals.join(', ')}`);
    process.exitCode = 1;
  }
  if (values.json)
    writeFileSync(values.json === '-' ? 1 : values.json, `${JSON.stringify(figures.map(summarize), null, 2)}\n`);
  if (values.json !== '-') console.log(table(figures));
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
