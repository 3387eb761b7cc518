/** Counts the instructions of the native parts: see HELP. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Baseline, judge, report } from './baseline.js';
import { compiler, countInstructions, missing } from './parts.js';

const FILE = fileURLToPath(new URL('../../../bench/instructions.json', import.meta.url));

const HELP = `npm run instructions [-- --update]

Counts, under valgrind's callgrind, how many instructions each native part of the packet path takes for a packet, and fails if one
takes a tenth more than bench/instructions.json says. Unlike times the counts are the same on a busy machine.

  --update  store the counts there
  --help    this text
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { update: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const why = await missing();
  if (why) throw new Error(why);
  const [now, parts] = [(await compiler())!, await countInstructions()];
  if (values.update) {
    writeFileSync(FILE, `${JSON.stringify({ compiler: now, parts } satisfies Baseline, null, 2)}\n`);
  }
  const baseline = JSON.parse(readFileSync(FILE, 'utf8')) as Baseline;
  const lines = judge(baseline, parts);
  console.log(report(lines));
  if (baseline.compiler !== now) {
    console.log(`\nnot judged: the baseline is of ${baseline.compiler}, and this is ${now}`);
  } else if (lines.some(({ wrong }) => wrong !== undefined)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(`instructions: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
