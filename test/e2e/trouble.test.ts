import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Gateway, SIMULATED } from './gateway.js';
import { attack, Conversation, noLab, ownLab, until } from './lab-rig.js';

t.setTimeout(120_000);

const farm = join(fileURLToPath(new URL('../../..', import.meta.url)), 'config/farm.click');

t.test('an interface that goes and comes back', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const { gateway: inside, router } = lab.namespaces;
  const gateway = await Gateway.start(t, lab, farm, ...SIMULATED);
  const ping = async () => (await attack(lab, 'ping', '-n', '-c', '1', '-W', '1', '10.99.5.5')).status === 0;
  t.ok(await ping());

  const told = (pattern: RegExp) =>
    until(`to hear ${pattern}`, () =>
      gateway.events.some(({ message }) => message !== undefined && pattern.test(message)),
    );
  execFileSync('ip', ['-n', inside, 'link', 'set', 'leg', 'down']);
  await told(/leg.*down.*trying again/);
  t.notOk(await ping());
  t.equal((await gateway.get('/healthz')).ok, true, 'the daemon lives');
  execFileSync('ip', ['-n', inside, 'link', 'set', 'leg', 'up']);
  await told(/leg is up/);
  await until('an answer', ping);

  execFileSync('ip', ['-n', inside, 'link', 'del', 'leg']);
  await told(/leg.*no such interface.*trying again/);
  t.ok((await gateway.metric('potemkin_interface_failures_total')) >= 1);
  execFileSync('ip', ['-n', router, 'link', 'add', 'leg', 'type', 'veth', 'peer', 'name', 'leg', 'netns', inside]);
  for (const [namespace, address] of [
    [router, '192.0.2.1/24'],
    [inside, '192.0.2.2/24'],
  ] as const) {
    execFileSync('ip', ['-n', namespace, 'addr', 'add', address, 'dev', 'leg']);
    execFileSync('ip', ['-n', namespace, 'link', 'set', 'leg', 'mtu', '1600', 'up']);
  }
  await until('leg to be up again', () => gateway.events.filter(({ message }) => message === 'leg is up').length >= 2);
  t.equal((await gateway.get('/healthz')).ok, true);
  t.equal(await gateway.end(), 0);
});

t.test('a signal amid conversations ends it in order', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const gateway = await Gateway.start(t, lab, farm, ...SIMULATED);
    const talk = new Conversation(t, lab, '198.51.100.9', '10.99.66.1', 7);
    await talk.say('hello', /hello/);
    t.equal(await gateway.end(signal), 0, signal);
  }
});

t.test('a lab that goes away under a gateway does not end it', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const gateway = await Gateway.start(t, lab, farm, ...SIMULATED);
  lab.down();
  await until('it to tell', () => gateway.events.some(({ kind }) => kind === 'warning' || kind === 'error'));
  t.equal((await gateway.get('/metrics')).status, 200);
  t.equal(await gateway.end(), 0);
});
