import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { host, noLab, ownLab, plain, run } from './lab-rig.js';
import { noMachines } from './machines-rig.js';

const top = fileURLToPath(new URL('../../..', import.meta.url));

t.setTimeout(180_000);

const CHAPTERS = ['The lab', 'The gateway', 'A scan', 'The same scan by somebody else', 'Conversations', 'A worm'];
const COMMON = [
  /198\.51\.100\.7 sees port 80 of 10\.99\.16\.1 open/,
  /198\.51\.100\.7 hears nothing from 11 addresses/,
  /clone \d+ \(linux\) plays 10\.99\.66\.4 in universe \d+ because clone \d+ called it/,
  /A 10\.99\.66\.1 → B 10\.99\.66\.2 → C 10\.99\.66\.3 → D 10\.99\.66\.4, all in one universe/,
  /begun by clones +3 connections: reflected/,
  /malicious +3 of them, in 1 universe\n/,
  /leaked +0 packets/,
];
const FACTS = {
  simulated: [...COMMON, /10\.99\.4\.8 open: "HTTP\/1\.. 200 OK, Server: Microsoft-IIS/, /universes +5,/, /clones +8,/],
  machines: [
    ...COMMON,
    /10\.99\.4\.8 open: "HTTP\/1\.1 200 OK/,
    /10\.99\.77\.3 open: "220 host-[0-9a-f]{8} ESMTP Exim/,
    /10\.99\.1\.2 open: "SSH-2\.0-dropbear/,
    /universes +6,/,
    /clones +9,/,
  ],
} as const;

const skipMachines = noMachines();
if (skipMachines) console.error(`SKIPPED: the story with real machines: ${skipMachines}`);

for (const [world, skip] of [
  ['machines', skipMachines],
  ['simulated', noLab],
] as const)
  t.test(`npm start -- --once tells the story and leaves nothing: ${world}`, { skip }, async (t) => {
    const lab = ownLab(t);
    const before = host(lab.name);
    const { status, out, err } = await run(
      'npm',
      [
        '--prefix',
        top,
        'start',
        '--silent',
        '--',
        '--once',
        ...(world === 'simulated' ? ['--simulated'] : []),
        '--name',
        lab.name,
        '--state',
        dirname(lab.folder),
        '--listen',
        '127.0.0.1:0',
      ],
      120,
    );
    t.equal(status, 0, err);
    for (const title of CHAPTERS) t.match(out, `── ${title} ──`);
    for (const fact of FACTS[world]) t.match(out, fact);
    t.same(host(lab.name), before);
    t.notOk(lab.exists);
  });

/** The story with simulated clones in a process of its own, and what it has printed. */
function story(t: Test, ...args: string[]) {
  const start = join(top, 'dist/src/cli/start.js');
  const child: ChildProcess = spawn(process.execPath, [start, '--simulated', ...args], {
    env: plain,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let out = '';
  child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
    out += piece;
  });
  const ended = new Promise<number | string | null>((resolve) => {
    child.on('close', (status, signal) => resolve(status ?? signal));
  });
  const until = async (pattern: RegExp) => {
    while (!pattern.test(out)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended without ${pattern}: ${out}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return pattern.exec(out)!;
  };
  return { child, ended, until };
}

t.test('it goes on after the story, until a signal', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  const before = host(lab.name);
  const { child, ended, until } = story(
    t,
    '--name',
    lab.name,
    '--state',
    dirname(lab.folder),
    '--listen',
    '127.0.0.1:0',
  );
  const [, metrics] = await until(/curl (http:\S+\/metrics)/);
  t.match(await (await fetch(metrics!)).text(), /^potemkin_/m);
  child.kill('SIGINT');
  t.equal(await ended, 0);
  t.same(host(lab.name), before);
  t.notOk(lab.exists);
});

t.test('a signal amid the story ends it, and a lab that was there stays', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const { child, ended, until } = story(t, '--name', lab.name, '--state', dirname(lab.folder), '--listen', 'off');
  await until(/── A scan ──/);
  const second = story(t, '--name', lab.name, '--state', dirname(lab.folder), '--listen', 'off');
  t.equal(await second.ended, 1, 'one gateway in a lab is enough');
  child.kill('SIGTERM');
  t.equal(await ended, 0);
  t.ok(lab.isUp);
  t.equal(lab.owner, undefined);
});

t.test('what a killed story has left is cleared away by the next', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  const before = host(lab.name);
  const options = ['--name', lab.name, '--state', dirname(lab.folder), '--listen', 'off'];
  const first = story(t, ...options);
  await first.until(/── A scan ──/);
  first.child.kill('SIGKILL');
  t.equal(await first.ended, 'SIGKILL');
  t.ok(lab.isUp);
  t.equal(await story(t, '--once', ...options).ended, 0);
  t.same(host(lab.name), before);
});

t.test('without root it is told from a capture', async (t) => {
  const temporary = mkdtempSync(join(tmpdir(), 'pt-'));
  t.teardown(() => rmSync(temporary, { recursive: true, force: true }));
  const start = [`TMPDIR=${temporary}`, `HOME=${temporary}`, join(top, 'scripts/start'), '--once'];
  // Nobody, but able to read: the checkout may lie in a folder of root's.
  const drop = ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=+dac_read_search'];
  if (!noLab) chownSync(temporary, 65_534, 65_534);
  const { status, out, err } = await (noLab
    ? run('env', start)
    : run('setpriv', [...drop, '--ambient-caps=+dac_read_search', 'env', ...start]));
  t.equal(status, 0, err);
  t.match(out, 'needs root');
  for (const title of CHAPTERS.slice(2)) t.match(out, `── ${title} ──`);
  for (const fact of FACTS.simulated) t.match(out, fact);
  t.same(readdirSync(temporary), [], 'no files are left');
});

t.test('help', async (t) => {
  t.match(await run(join(top, 'scripts/start'), ['--help']), { status: 0, out: /--once/, err: '' });
});
