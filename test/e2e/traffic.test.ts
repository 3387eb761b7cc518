import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Lab } from '../../src/control/lab/lab.js';
import { Gateway, SIMULATED } from './gateway.js';
import { attack, Conversation, noLab, ownLab } from './lab-rig.js';

t.setTimeout(180_000);

const farm = join(fileURLToPath(new URL('../../..', import.meta.url)), 'config/farm.click');

/** What nmap found: states of ports by address. */
interface Found {
  readonly up: number;
  readonly ports: Map<string, Map<number, string>>;
}

/** Fast, but patient: this machine may be busy. */
const PACE = ['-n', '-T4', '--min-rate', '400', '--initial-rtt-timeout', '1s', '--min-rtt-timeout', '1s'];

async function nmap(lab: Lab, ...args: string[]): Promise<Found> {
  const { status, out, err } = await attack(lab, 'nmap', ...PACE, '-oG', '-', ...args);
  if (status !== 0) throw new Error(`nmap ended with ${status}: ${err}`);
  const ports = new Map<string, Map<number, string>>();
  for (const [, address, list] of out.matchAll(/^Host: (\S+) .*\tPorts: ([^\t\n]*)/gm)) {
    const states = list!.split(', ').map((port) => port.split('/'));
    ports.set(address!, new Map(states.map(([port, state]) => [Number(port), state!])));
  }
  return { up: Number(/(\d+) hosts? up/.exec(out)?.[1]), ports };
}

/** The addresses that answered on a port, whatever they said. */
function answering({ ports }: Found, port: number): string[] {
  return [...ports]
    .filter(([, states]) => ['open', 'closed'].includes(states.get(port) ?? ''))
    .map(([address]) => address);
}

t.test('with the scan filter off, every dark address is there', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const gateway = await Gateway.start(t, lab, farm, ...SIMULATED, '-D', 'TARGETS=0');

  await t.test('ping', async (t) => {
    const { status, out } = await attack(lab, 'ping', '-n', '-c', '3', '-i', '0.2', '-W', '2', '10.99.201.7');
    t.equal(status, 0);
    t.match(out, '3 received, 0% packet loss');
    const large = await attack(lab, 'ping', '-n', '-c', '1', '-W', '2', '-M', 'do', '-s', '1472', '10.99.201.7');
    t.equal(large.status, 0, 'a packet of 1,500 bytes fits into the tunnel');
  });

  await t.test('curl', async (t) => {
    const { status, out } = await attack(lab, 'curl', '-s', '-i', '--max-time', '5', 'http://10.99.4.8/');
    t.equal(status, 0);
    t.match(out, /^HTTP\/1\.. 200 OK\r\n/);
    t.match(out, 'Server: Microsoft-IIS/5.1');
    t.match(out, '<title>Under Construction</title>');
  });

  await t.test('nmap over a /24', async (t) => {
    const found = await nmap(lab, '--max-retries', '2', '-sS', '-p', '22,80,445', '10.99.20.0/24');
    t.equal(found.up, 256);
    t.equal(answering(found, 80).length, 256);
    t.equal(found.ports.get('10.99.20.1')?.get(80), 'open');
  });

  await t.test('metrics and health are told outside, while the data plane is inside', async (t) => {
    t.match(gateway.url, /^http:\/\/127\.0\.0\.1:/);
    const health = await gateway.get('/healthz');
    t.equal(health.status, 200);
    t.match(await health.json(), { status: 'ok', workers: [{ alive: true }] });
    t.equal(await gateway.metric('potemkin_clones_made_total'), 258);
    t.ok((await gateway.metric('potemkin_link_packets_total', /from="tunnel/)) > 700);
    const inside = await attack(lab, 'curl', '-s', '--max-time', '1', `${gateway.url}/healthz`);
    t.not(inside.status, 0, 'no way leads from the attacker to the control plane');
  });

  t.match(await lab.counters(), { astray: 0, lost: 0 });
  t.equal(await gateway.end(), 0);
});

t.test('with the scan filter on, a sweep meets one target a port', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const gateway = await Gateway.start(t, lab, farm, ...SIMULATED);
  const open = new Conversation(t, lab, '198.51.100.40', '10.99.66.1', 7);
  t.match(await open.say('before', /before/), 'before');
  const clones = () => gateway.clones.length;
  t.equal(clones(), 1);
  const sweep = ['--max-retries', '0', '-sS', '-Pn', '-p', '22,80,445', '10.99.20.0/24'];

  const first = await nmap(lab, '-S', '198.51.100.1', '-e', 'wan', ...sweep);
  for (const port of [22, 80, 445]) t.equal(answering(first, port).length, 1, `port ${port}`);
  const met = new Set([22, 80, 445].flatMap((port) => answering(first, port)));
  t.equal(clones(), 1 + met.size);
  t.match(await open.say('after the first sweep', /first sweep/), 'after the first sweep');

  const second = await nmap(lab, '-S', '198.51.100.1', '-e', 'wan', ...sweep.slice(0, -1), '10.99.21.0/24');
  for (const port of [22, 80, 445]) t.same(answering(second, port), [], `port ${port}`);
  t.equal(clones(), 1 + met.size, 'a second sweep within a minute makes no clone');
  t.match(await open.say('after the second', /the second/), 'after the second');

  const other = await nmap(lab, '-S', '198.51.100.2', '-e', 'wan', ...sweep);
  for (const port of [22, 80, 445]) t.equal(answering(other, port).length, 1, `port ${port}`);
  const now = new Set([22, 80, 445].flatMap((port) => answering(other, port)));
  t.equal(clones(), 1 + met.size + now.size, 'another source gets clones of its own');
  t.match(await open.say('to the end', /to the end/), 'to the end');

  t.match(await lab.counters(), { astray: 0, lost: 0 });
  t.equal(await gateway.end(), 0);
});
