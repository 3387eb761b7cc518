/** Draws where the time of a chain goes: see HELP. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { CHAIN_NAMES, namedChain } from '../suites/chains.js';
import { drawFlames } from './flame.js';
import { readPerf } from './stacks.js';

const execute = promisify(execFile);

const PLAY = fileURLToPath(new URL('./play.js', import.meta.url));
const FOLDER = fileURLToPath(new URL('../../../build/profiles', import.meta.url));
/** Samples a second; not a number that timers run in step with. */
const FREQUENCY = 997;
/** Output of `perf script`, at most. */
const MOST_BYTES = 2 ** 29;

const HELP = `npm run profile -- CHAIN [--seconds N] [--out FILE]

Plays a chain of \`npm run bench -- chains\` under perf, and draws a flame graph of it, native code included.

  CHAIN        ${CHAIN_NAMES.join(', ')}
  --seconds N  how long, without the making of the capture (10)
  --out FILE   where to draw it (build/profiles/CHAIN.svg)
  --help       this text
`;

async function profile(chain: string, seconds: string, out: string): Promise<void> {
  if (!CHAIN_NAMES.includes(chain)) throw new Error(`there is no chain ${chain}; there are: ${CHAIN_NAMES.join(', ')}`);
  await execute('perf', ['--version']).catch(() => {
    throw new Error('perf is missing: apt-get install linux-perf');
  });
  // The capture is made before, so that its making is not in the profile.
  namedChain(chain, (line) => console.error(line));
  const folder = mkdtempSync(join(tmpdir(), 'potemkin-profile-'));
  const data = join(folder, 'perf.data');
  // Where V8 tells perf what its functions are called.
  let names: string | undefined;
  try {
    const node = [process.execPath, '--perf-basic-prof', '--expose-gc', PLAY, chain, seconds];
    const record = ['record', '-q', '-e', 'cpu-clock', '-F', String(FREQUENCY), '-g', '-o', data, '--', ...node];
    const { stdout: pid } = await execute('perf', record, { cwd: folder });
    names = `/tmp/perf-${Number(pid)}.map`;
    const script = ['script', '-i', data, '-F', 'comm,ip,sym'];
    const { stdout } = await execute('perf', script, { maxBuffer: MOST_BYTES });
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, drawFlames(readPerf(stdout), `chains/${chain}`));
    console.log(out);
  } finally {
    rmSync(folder, { recursive: true });
    if (names !== undefined) rmSync(names, { force: true });
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '10' },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [chain] = positionals;
  if (values.help || chain === undefined || positionals.length > 1) {
    process.stdout.write(HELP);
    if (!values.help) process.exitCode = 1;
    return;
  }
  if (!/^[1-9]\d{0,3}$/.test(values.seconds))
    throw new Error(`--seconds takes a whole number from 1, not ${values.seconds}`);
  await profile(chain, values.seconds, resolve(values.out ?? join(FOLDER, `${chain}.svg`)));
}

try {
  await main();
} catch (error) {
  console.error(`profile: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
