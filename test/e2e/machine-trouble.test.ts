/** What becomes of real machines that are killed, stopped, filled or left alone, and of their neighbours. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { Lab } from '../../src/control/lab/lab.js';
import { Gateway } from './gateway.js';
import { attack, ownLab, until } from './lab-rig.js';
import { noMachines, ownState, ssh } from './machines-rig.js';

const skip = noMachines();
if (skip) console.error(`SKIPPED: real machines in trouble: ${skip}`);

const farm = join(fileURLToPath(new URL('../../..', import.meta.url)), 'config/farm.click');

t.setTimeout(300_000);

interface Listed {
  readonly address: string;
  readonly pid: number;
  readonly state: string;
}

/** Clones as the gateway lists them. */
async function listed(gateway: Gateway): Promise<Listed[]> {
  const { farms } = (await (await gateway.get('/clones')).json()) as { farms: { clones: Listed[] }[] };
  return farms.flatMap(({ clones }) => clones);
}

/** The process that plays an address. */
async function pidOf(gateway: Gateway, address: string): Promise<number> {
  return until(`the process of ${address}`, async () => {
    return (await listed(gateway)).find((clone) => clone.address === address && clone.pid > 0)?.pid;
  });
}

const fetches = async (lab: Lab, address: string) =>
  (await attack(lab, 'curl', '-s', '-o', '/dev/null', '--max-time', '20', `http://${address}/`)).status === 0;

const goneOf = (gateway: Gateway, address: string) =>
  gateway.events.filter((event) => event.kind === 'gone' && event.address === address);

async function start(t: Test, ...args: string[]) {
  const lab = ownLab(t);
  await lab.up();
  const state = ownState(t);
  return { lab, state, gateway: await Gateway.start(t, lab, farm, '--state', state, '-D', 'TARGETS=0', ...args) };
}

t.test('machines in trouble are replaced, and harm no others', { skip }, async (t) => {
  const { lab, gateway } = await start(t, '-D', 'CAP=16M');
  const neighbour = '10.99.60.1';
  t.ok(await fetches(lab, neighbour));

  await t.test('one that is killed', async (t) => {
    const address = '10.99.60.2';
    t.ok(await fetches(lab, address));
    process.kill(await pidOf(gateway, address), 'SIGKILL');
    await until('the end of the clone', () => goneOf(gateway, address).length > 0);
    t.match(goneOf(gateway, address)[0], { reason: /SIGKILL/ });
    t.ok(await fetches(lab, address), 'the address is played anew');
  });

  await t.test('one that is stopped', async (t) => {
    const address = '10.99.60.3';
    t.ok(await fetches(lab, address));
    process.kill(await pidOf(gateway, address), 'SIGSTOP');
    await until('the end of the clone', () => goneOf(gateway, address).length > 0);
    t.match(goneOf(gateway, address)[0], { reason: /has not answered/ });
    t.ok(await fetches(lab, address), 'the address is played anew');
  });

  await t.test('one that fills its memory', async (t) => {
    const address = '10.99.60.4';
    // More than CAP, but not so much that it could end by itself before anybody has looked.
    const fill = 'head -c 25000000 /dev/zero > /root/x; sleep 60';
    await ssh(lab, address, fill).catch(() => 'it may be gone already');
    await until('the end of the clone', () => goneOf(gateway, address).length > 0);
    t.match(goneOf(gateway, address)[0], { ending: 'cap', reason: /memory, beyond CAP/ });
    t.ok(await fetches(lab, address), 'the address is played anew');
  });

  t.ok(await fetches(lab, neighbour), 'the neighbour has noticed nothing');
  t.same(goneOf(gateway, neighbour), []);
  t.match(await lab.counters(), { astray: 0 });
  t.equal(await gateway.end(), 0);
});

t.test('when the daemon is killed, so are all machines', { skip }, async (t) => {
  const { lab, gateway } = await start(t);
  t.ok(await fetches(lab, '10.99.61.1'));
  const pid = await pidOf(gateway, '10.99.61.1');
  const alive = () => {
    try {
      return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  t.ok(alive());
  t.equal(await gateway.end('SIGKILL'), 'SIGKILL');
  await until('the end of the machine', () => !alive());
  t.notOk(await fetches(lab, '10.99.61.1'), 'nobody answers any more');
});

t.test('a full disk costs a capture, and nothing else', { skip }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const state = ownState(t);
  const captures = join(state, 'captures');
  mkdirSync(captures);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', captures]);
  t.teardown(() => execFileSync('umount', [captures]));
  const gateway = await Gateway.start(
    t,
    lab,
    farm,
    '--state',
    state,
    '-D',
    'TARGETS=0',
    '-D',
    'KEEP=1s',
    '-D',
    'IDLE=1s',
  );
  const address = '10.99.62.1';
  await ssh(lab, address, 'nc -w 1 10.99.62.2 7 < /dev/null; true');
  await until('the end of the clone', () => goneOf(gateway, address).length > 0);
  const told = gateway.events.filter(({ outcome }) => outcome === 'failed' || outcome === 'full');
  t.match(told[0], { kind: 'captured', reason: /ENOSPC|bytes/ }, 'it is told');
  t.ok(await fetches(lab, address), 'the address is played anew');
  t.equal(await gateway.end(), 0);
});
