/** The default graph with real machines, as an attacker sees them. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Gateway } from './gateway.js';
import { attack, Conversation, ownLab, run, until } from './lab-rig.js';
import { inParallel, noMachines, ownState, ssh } from './machines-rig.js';

const skip = noMachines();
if (skip) console.error(`SKIPPED: real machines: ${skip}`);

const farm = join(fileURLToPath(new URL('../../..', import.meta.url)), 'config/farm.click');

t.setTimeout(300_000);

t.test('real services answer at arbitrary dark addresses', { skip }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const gateway = await Gateway.start(t, lab, farm, '--state', ownState(t), '-D', 'TARGETS=0');

  await t.test('curl', async (t) => {
    const { status, out, err } = await attack(lab, 'curl', '-s', '-i', '--max-time', '20', 'http://10.99.4.8/');
    t.equal(status, 0, err);
    t.match(out, /^HTTP\/1\.1 200 OK/);
    t.match(out, 'Debian Default Page');
  });

  await t.test('ssh, and what the machine believes to be', async (t) => {
    const out = await ssh(lab, '10.99.201.7', 'hostname; ip addr show dev eth0; ip route; date +%s');
    t.match(out, /^host-[0-9a-f]+$/m);
    t.match(out, 'inet 10.99.201.7/24');
    t.match(out, 'default via 10.99.201.1 dev eth0');
    const seconds = Number(/^\d{10}$/m.exec(out)?.[0]);
    t.ok(Math.abs(seconds - Date.now() / 1000) < 60, 'it knows what time it is', { seconds });
  });

  await t.test('telnet', async (t) => {
    const telnet = new Conversation(t, lab, '198.51.100.3', '10.99.88.1', 23, 'telnet');
    t.match(await telnet.say('', /login: /), /login: /);
    t.match(await telnet.say('root\r', /Password: /), /Password: /);
    t.match(await telnet.say('root\r', /[#$] /), /[#$] /);
    t.match(await telnet.say('ip addr show dev eth0\r', /inet [\d.]+/), 'inet 10.99.88.1');
  });

  await t.test('nmap knows the services', async (t) => {
    const scan = ['nmap', '-n', '-Pn', '-sV', '-p', '21,22,25', '10.99.17.4'];
    const { status, out, err } = await run('ip', ['netns', 'exec', lab.namespaces.attacker, ...scan], 150);
    t.equal(status, 0, err);
    t.match(out, /^22\/tcp +open +ssh +Dropbear sshd/m);
    t.match(out, /^25\/tcp +open +smtp +Exim smtpd/m);
    t.match(out, /^21\/tcp +open +ftp/m);
  });

  t.match(await lab.counters(), { astray: 0 });
  t.equal(await gateway.end(), 0);
});

t.test('two clones of one image share nothing that tells them apart', { skip }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  await Gateway.start(t, lab, farm, '--state', ownState(t), '-D', 'TARGETS=0');
  const addresses = Array.from({ length: 20 }, (_, i) => `10.99.30.${i + 1}`);
  const facts = {
    hostname: 'hostname',
    'machine-id': 'cat /etc/machine-id',
    MAC: 'cat /sys/class/net/eth0/address',
    'random numbers': 'head -c 16 /dev/urandom | od -An -tx1',
    UUID: 'cat /proc/sys/kernel/random/uuid',
    'host key': 'md5sum /etc/dropbear/dropbear_ed25519_host_key',
  };
  const commands = Object.values(facts).join('; ');
  const answers = await inParallel(addresses, 3, async (address) =>
    (await ssh(lab, address, commands)).trim().split('\n'),
  );
  for (const [i, name] of Object.keys(facts).entries()) {
    const values = answers.map((lines) => lines[i]?.trim());
    t.ok(
      values.every((value) => value !== undefined && value.length > 5),
      `each has a ${name}`,
      { values },
    );
    t.equal(new Set(values).size, addresses.length, `no two have the same ${name}`, { values });
  }
  const keys = await inParallel(addresses.slice(0, 3), 1, async (address) => {
    const { out } = await attack(lab, 'ssh-keyscan', '-T', '20', '-t', 'ed25519', address);
    return out.trim().split(' ').at(-1);
  });
  t.equal(new Set(keys).size, 3, 'and so it is said on the wire', { keys });
});

t.test('a chain of infections stays in one universe of real machines', { skip }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const gateway = await Gateway.start(t, lab, farm, '--state', ownState(t));
  const worm = new Conversation(t, lab, '198.51.100.30', '10.99.66.1', 7007);
  t.match(await worm.say('go 3', /went to/), 'went to 10.99.66.2');
  await until('four clones', () => gateway.clones.length === 4 || undefined);
  t.match(
    gateway.clones.map(({ address, cause }) => [address, cause?.clone]),
    [
      ['10.99.66.1', 0],
      ['10.99.66.2', 1],
      ['10.99.66.3', 2],
      ['10.99.66.4', 3],
    ],
  );
  t.equal(new Set(gateway.clones.map(({ universe }) => universe)).size, 1);
  const verdicts = gateway.events.filter(({ kind }) => kind === 'verdict');
  t.ok(verdicts.length >= 3);
  t.ok(verdicts.every(({ verdict }) => verdict === 'reflect'));
  const malicious = () => gateway.events.filter(({ kind }) => kind === 'malicious');
  await until('two machines that sent on what they were sent', () => malicious().length === 2 || undefined);
  t.same(
    malicious()
      .map(({ address }) => address)
      .sort(),
    ['10.99.66.2', '10.99.66.3'],
    'B and C: A was told otherwise',
  );
  for (const { reasons } of malicious()) t.match(reasons!.join(), /sent what it had been sent: [0-9a-f]{16}/);
  t.match(await lab.counters(), { astray: 0 });
});
