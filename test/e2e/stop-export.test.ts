import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { Lab } from '../../src/control/lab/lab.js';
import { Gateway, SIMULATED } from './gateway.js';
import { cli, noLab, ownLab, potemkin, until } from './lab-rig.js';

t.setTimeout(240_000);

const farm = join(fileURLToPath(new URL('../../..', import.meta.url)), 'config/farm.click');

/** Pings clones without end, and so has them answer without end. */
function keepPinging(t: Test, lab: Lab): void {
  for (const target of ['10.99.5.5', '10.99.6.6']) {
    const command = ['netns', 'exec', lab.namespaces.attacker, 'ping', '-n', '-q', '-i', '0.004', target];
    const child = spawn('ip', command, { stdio: 'ignore' });
    t.teardown(() => child.kill('SIGKILL'));
  }
}

/** Waits until so many packets more have come into the tunnel; the packets that have left it by then. */
async function leftAfter(lab: Lab, more: number): Promise<number> {
  const counters = async () => (await lab.counters())!;
  const from = (await counters()).into;
  const { out } = await until('packets for the gateway', async () => {
    const now = await counters();
    return now.into >= from + more && now;
  });
  return out;
}

t.test('a stop cuts what leaves, in each way, and nothing else; a person lifts it', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const state = t.testdir({});
  const file = join(state, 'export-stopped.json');
  const gateway = await Gateway.start(t, lab, farm, ...SIMULATED, '-D', 'TARGETS=0', '--state', state);
  keepPinging(t, lab);
  const leaves = async () => {
    const before = (await lab.counters())!.out;
    await until('answers', async () => (await lab.counters())!.out > before + 20);
  };
  const stops = () => gateway.events.filter(({ kind, stopped }) => kind === 'export' && stopped);
  const stoppedDrops = () => gateway.metric('potemkin_dropped_packets_total', /reason="stopped"/);
  await leaves();

  const allow = (key: string) => {
    const headers = { authorization: `Bearer ${key}` };
    return fetch(`${gateway.url}/allow-export?reason=false+alarm`, { method: 'POST', headers });
  };
  const ways: Record<string, () => Promise<unknown>> = {
    signal: async () => {
      const before = stops().length;
      gateway.signal('SIGUSR1');
      await until('the event', () => stops().length > before);
    },
    http: async () => {
      const reply = await fetch(`${gateway.url}/stop-export?reason=a+worm`, { method: 'POST' });
      t.match([reply.status, await reply.text()], [200, /^export is stopped .*: a worm\n$/]);
    },
    cli: async () => {
      const { status, out } = await cli('stop-export', '--at', gateway.url, 'a', 'worm');
      t.match([status, out], [0, /^export is stopped since .* \(HTTP from 127\.0\.0\.1\): a worm\n$/]);
    },
  };
  for (const [way, pull] of Object.entries(ways)) {
    await t.test(way, async (t) => {
      await pull();
      const dropped = await stoppedDrops();
      // What had left before the stop is with the router by then.
      const before = await leftAfter(lab, 40);
      const after = await leftAfter(lab, 200);
      t.equal(after, before, 'none of 200 is answered');
      t.ok((await stoppedDrops()) > dropped + 200, 'the clones answer all the same');
      t.match(await (await gateway.get('/metrics')).text(), /^potemkin_export_stopped 1$/m);
      t.match(await (await gateway.get('/healthz')).json(), { status: 'ok', export: { stopped: true } });
      t.equal(statSync(file).mode & 0o777, 0o600);

      const keyless = await allow('');
      t.equal(keyless.status, 403);
      t.equal(await leftAfter(lab, 40), after);
      t.equal((await allow(JSON.parse(readFileSync(file, 'utf8')).key)).status, 200);
      await leaves();
      t.notOk(existsSync(file));
      t.match(gateway.events.filter(({ kind }) => kind === 'export').at(-1), { stopped: false, reason: 'false alarm' });
      t.match(await (await gateway.get('/metrics')).text(), /^potemkin_export_stopped 0$/m);
    });
  }

  await t.test('it outlives the daemon', async (t) => {
    t.match(await cli('stop-export', '--at', gateway.url, 'for', 'the', 'night'), { status: 0 });
    const clones = await cli('clones', '--at', gateway.url);
    t.match([clones.status, clones.out, clones.err], [0, /10\.99\.5\.5 .*live/, /^export is stopped since /]);
    t.equal(await gateway.end('SIGKILL'), 'SIGKILL');
    const next = await Gateway.start(t, lab, farm, ...SIMULATED, '-D', 'TARGETS=0', '--state', state);
    t.match(next.text, /EXPORT IS STOPPED since .*: for the night/);
    t.match(next.text, /potemkin allow-export REASON/);
    await until('clones', () => next.clones.length === 2);
    const before = await leftAfter(lab, 0);
    t.equal(await leftAfter(lab, 100), before);
    const allowed = await cli('allow-export', '--at', next.url, 'good', 'morning');
    t.match(allowed, { status: 0, out: 'export is allowed again\n' });
    await leaves();
    t.match(next.events.filter(({ kind }) => kind === 'export').at(-1), { stopped: false, reason: 'good morning' });
    t.equal(await next.end(), 0);
  });

  await t.test('too many packets in a second stop it', async (t) => {
    const rate = ['-D', 'POLICY=policies/reflect.policy, RATE 20'];
    const next = await Gateway.start(t, lab, farm, ...SIMULATED, ...rate, '-D', 'TARGETS=0', '--state', state);
    const stop = await until('the stop', () => next.events.find(({ kind }) => kind === 'export'));
    t.match(stop, { stopped: true, by: 'export', reason: 'more than 20 packets left in a second' });
    const before = await leftAfter(lab, 40);
    t.equal(await leftAfter(lab, 100), before);
    t.match(JSON.parse(readFileSync(file, 'utf8')), { by: 'export' });
    t.equal(await next.end(), 0);
  });
  t.notMatch(gateway.text, /Debugger/, 'SIGUSR1 does not open the debugger of Node.js');
  t.match(await lab.counters(), { astray: 0 });
});

t.test('a signal that comes before the daemon runs stops export, and the debugger is shut', async (t) => {
  // Node.js opens the debugger before any code of ours has run.
  const folder = t.testdir({
    'x.click': 'Idle -> Discard;',
    'early.cjs': `if (require('worker_threads').isMainThread) {
      process.kill(process.pid, 'SIGUSR1');
      while (!require('inspector').url());
    }`,
  });
  const child = spawn(potemkin, ['run', join(folder, 'x.click'), '--listen', '127.0.0.1:0'], {
    env: { ...process.env, NODE_OPTIONS: `--inspect-port=0 --require ${join(folder, 'early.cjs')}` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  t.teardown(() => {
    child.kill('SIGKILL');
    return ended;
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    said += piece;
  });
  const url = await until('it to run', () => /metrics at (http:\S+)\/metrics/.exec(said)?.[1]);
  t.match(await (await fetch(`${url}/export`)).json(), { stopped: true, by: 'SIGUSR1' });
  const debuggerPort = /Debugger listening on ws:\/\/(\S+?)\//.exec(said)?.[1];
  t.ok(debuggerPort, 'it was open for a moment');
  await t.rejects(fetch(`http://${debuggerPort}/json`), 'and is no more');
});
