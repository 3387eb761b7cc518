/** How real machines of interest end: captured, with what their agents say, and their memory as it was. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { readCapture } from '../../src/farm/capture-record.js';
import { Gateway, type ToldEvent } from './gateway.js';
import { Conversation, ownLab, potemkin, until } from './lab-rig.js';
import { noMachines, ownState, ssh } from './machines-rig.js';

const skip = noMachines();
if (skip) console.error(`SKIPPED: captures of real machines: ${skip}`);

const farm = join(fileURLToPath(new URL('../../..', import.meta.url)), 'config/farm.click');
const SECRET = 'what an intruder left behind';

t.setTimeout(300_000);

t.test('machines that called others are captured with memory, report and traffic', { skip }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const state = ownState(t);
  const short = ['-D', 'TARGETS=0', '-D', 'IDLE=5s', '-D', 'KEEP=5s'];
  const gateway = await Gateway.start(t, lab, farm, '--state', state, ...short);
  const address = '10.99.70.1';
  const backdoor = '(nc -l -p 4444 > /dev/null 2>&1 &)';
  await ssh(lab, address, `echo ${SECRET} > /root/x; ${backdoor}; nc -w 1 10.99.70.2 7 < /dev/null; true`);
  const captured = (of: (event: ToldEvent) => boolean) =>
    until('a capture', () => gateway.events.find((event) => event.kind === 'captured' && of(event)));

  const { path, outcome } = await captured((event) => event.address === address && event.clone !== 0);
  t.equal(outcome, 'captured');
  const record = await readCapture(path!);
  t.match(record, {
    reason: /opened 1 connection of its own, is part of a universe of depth 2.*listens on tcp 4444, runs .*nc/,
    ending: /^kept long enough/,
    image: { name: 'linux' },
    verdicts: [{ verdict: 'reflect', flows: 1 }],
    report: { processes: { nc: 1 } },
    monitor: { rating: 'malicious' },
  });
  t.ok(record.memory!.bytes > 0 && record.account!.overhead > 0);
  t.match(
    gateway.events.find(({ kind }) => kind === 'malicious'),
    { address, reasons: [/^opened 1/] },
    'who left a door open',
  );
  const output = join(state, 'memory.raw');
  execFileSync(potemkin, ['clones', 'restore-memory', path!, '-o', output, '--state', state], { stdio: 'ignore' });
  t.ok(readFileSync(output).includes(SECRET), 'in its memory is what it held');

  const universe = await captured(({ clone }) => clone === 0);
  const file = join(universe.path!, 'traffic.pcapng');
  const talk = execFileSync('tshark', ['-r', file, '-Y', 'tcp.flags.syn == 1', '-T', 'fields', '-e', 'ip.dst'], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  t.match(talk, '10.99.70.1\n');
  t.match(talk, '10.99.70.2\n');

  await ssh(lab, '10.99.70.3', 'nc -w 1 10.99.70.4 7 < /dev/null; true');
  t.equal(await gateway.end(), 0);
  const last = gateway.events.find(({ kind, address }) => kind === 'captured' && address === '10.99.70.3');
  t.match(last, { outcome: 'captured' }, 'and so is one that runs when the gateway stops');
});

t.test('two universes of real machines with the same addresses and ports never meet', { skip }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const short = ['-D', 'TARGETS=0', '-D', 'IDLE=5s', '-D', 'KEEP=5s'];
  const gateway = await Gateway.start(t, lab, farm, '--state', ownState(t), ...short);
  const sides = ['198.51.100.30', '198.51.100.31'].map((source) => ({
    source,
    token: randomBytes(16).toString('hex'),
  }));
  // Both first machines have one address and are asked at one port; both call one address, at one port.
  await Promise.all(
    sides.map(async ({ source, token }) => {
      const echo = new Conversation(t, lab, source, '10.99.66.1', 7);
      t.equal(await echo.say(token, /\n/), `${token}\n`, 'each hears its own echo');
      const worm = new Conversation(t, lab, source, '10.99.66.1', 7007);
      t.match(await worm.say('go 1', /went to/), 'went to 10.99.66.2');
    }),
  );
  await until('two machines in each universe', () => gateway.clones.length === 4);
  const universes = [...new Set(gateway.clones.map(({ universe }) => universe!))];
  t.equal(universes.length, 2);
  const tokens = new Set<string>();
  for (const universe of universes) {
    const mine = gateway.clones.filter((clone) => clone.universe === universe);
    t.same(
      mine.map(({ address }) => address),
      ['10.99.66.1', '10.99.66.2'],
    );
    const captures = await until('the captures of a universe', () => {
      const taken = gateway.events.filter((event) => event.kind === 'captured' && event.universe === universe);
      return taken.some(({ clone }) => clone === 0) && taken;
    });
    for (const { path, clone } of captures) {
      const seen = readFileSync(join(path!, 'traffic.pcapng'));
      const found = sides.filter(({ token }) => seen.includes(token));
      // What the second machine was told has no token.
      t.ok(found.length <= 1, `of ${clone === 0 ? 'the universe' : `clone ${clone}`} no other token is seen`);
      for (const { token } of found) tokens.add(`${universe} ${token}`);
    }
  }
  t.equal(tokens.size, 2, 'each universe has its own');
});
