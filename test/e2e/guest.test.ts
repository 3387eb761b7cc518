/** The reference machine of config/images/linux.recipe: it becomes what it is told to be, and its services are real. */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { identityFile } from '../../src/farm/identity-files.js';
import type { IdentityFile } from '../../src/farm/image/recipe.js';
import { LETTER_AT, type Letter, writeLetter } from '../../src/farm/qemu/mailbox.js';
import { parseAddress } from '../../src/packet/address.js';
import { noGuests } from './guest/boot.js';
import { startMachine } from './guest/machine.js';
import type { MailboxInFile } from './guest/mailbox.js';
import { run } from './lab-rig.js';
import { ip } from './netns.js';

const skip = noGuests();
if (skip) console.error(`SKIPPED: the machine of linux.recipe: ${skip}`);

const TAP = 'guest';
const GATEWAY = '10.99.0.1';

t.setTimeout(280_000);

/** Somebody to become, at 10.99.200.N, and what only this one has. */
function person(n: number, final: boolean) {
  const hostname = `web-${n}`;
  const file = (path: string, mode: number, content: IdentityFile['content']) => ({
    ...{ path, mode },
    contents: identityFile(content, hostname),
  });
  const id = file('/etc/machine-id', 0o444, 'machine-id');
  const key = file('/etc/dropbear/dropbear_ed25519_host_key', 0o600, 'ssh-ed25519');
  const address = `10.99.200.${n}`;
  const letter: Letter = {
    identity: { address: parseAddress(address)!, mac: Uint8Array.of(2, 16, 10, 99, 200, n), hostname },
    gateway: parseAddress(GATEWAY)!,
    prefix: 16,
    entropy: randomBytes(64),
    time: Date.UTC(2031, 0, n),
    files: [file('/etc/hostname', 0o644, 'hostname'), id, key],
    final,
  };
  return { letter, address, mac: `02:10:0a:63:c8:0${n}`, id: Buffer.from(id.contents), key: known(key.contents) };
}

/** What a client knows a host key by: its name and, of both keys that stand in dropbear's file, the public one. */
function known(file: Uint8Array): string {
  const name = Buffer.from(file.subarray(0, 4 + 'ssh-ed25519'.length));
  return `ssh-ed25519 ${Buffer.concat([name, Buffer.of(0, 0, 0, 32), file.subarray(-32)]).toString('base64')}`;
}

/** A namespace in which a TAP device is the gateway. It learns of a neighbour by nothing but gratuitous ARP. */
function makeWire(t: Test): string {
  const space = `potemkin-test-m${process.pid}`;
  ip('netns', 'add', space);
  t.teardown(() => ip('netns', 'del', space));
  ip('-n', space, 'tuntap', 'add', 'dev', TAP, 'mode', 'tap');
  ip('-n', space, 'link', 'set', TAP, 'address', '02:00:00:00:00:01');
  ip('-n', space, 'addr', 'add', `${GATEWAY}/16`, 'dev', TAP);
  execFileSync('ip', ['netns', 'exec', space, 'sysctl', '-qw', `net.ipv4.conf.${TAP}.arp_accept=1`]);
  ip('-n', space, 'link', 'set', TAP, 'up');
  return space;
}

/** Gives the machine an identity, and waits until it announces itself. */
async function become(t: Test, space: string, mailbox: MailboxInFile, whom: ReturnType<typeof person>): Promise<void> {
  const neighbour = () => execFileSync('ip', ['-n', space, 'neigh', 'show', whom.address], { encoding: 'utf8' });
  t.equal(neighbour(), '', 'nothing is known of it yet');
  mailbox.ask(whom.letter);
  const end = Date.now() + 10_000;
  while (neighbour() === '' && Date.now() < end) await sleep(5);
  t.match(neighbour(), `lladdr ${whom.mac}`, 'it announces itself');
  t.same(mailbox.outcome, { answered: true, status: 0 });
}

/** Runs a program and says each text when what came ends with the one before it. Gives what came until all was said. */
function converse(
  t: Test,
  program: readonly string[],
  dialogue: readonly (readonly [string, string])[],
): Promise<string> {
  const child = spawn(program[0]!, program.slice(1), { stdio: ['pipe', 'pipe', 'ignore'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  t.teardown(() => child.kill('SIGKILL'));
  const rest = [...dialogue];
  let heard = '';
  child.stdout.setEncoding('latin1').on('data', (piece: string) => {
    heard += piece;
    if (rest.length > 0 && heard.trimEnd().endsWith(rest[0]![0])) child.stdin.write(rest.shift()![1]);
    if (rest.length === 0) child.kill();
  });
  return new Promise((resolve) => {
    child.on('close', () => {
      clearTimeout(timer);
      resolve(heard);
    });
  });
}

t.test('a machine becomes what the mailbox says', { skip, timeout: 270_000 }, async (t) => {
  const space = makeWire(t);
  const machine = await startMachine(t, 'linux', space, TAP);
  const inside = (program: string, ...args: string[]) => ['netns', 'exec', space, program, ...args];
  const call = (program: string, ...args: string[]) => run('ip', inside(program, ...args), 60);
  const folder = t.testdir({ askpass: '#!/bin/sh\necho "$PASSWORD"\n' });
  execFileSync('chmod', ['700', join(folder, 'askpass')]);

  /** Runs a command by SSH, in the belief that the machine has this key. */
  async function ssh(address: string, user: string, password: string, known: string, command: string) {
    const hosts = join(folder, 'known');
    writeFileSync(hosts, `${address} ${known}\n`);
    const options = ['StrictHostKeyChecking=yes', `UserKnownHostsFile=${hosts}`, 'PreferredAuthentications=password'];
    const askpass = ['SSH_ASKPASS_REQUIRE=force', `SSH_ASKPASS=${join(folder, 'askpass')}`, `PASSWORD=${password}`];
    const words = ['-F', 'none', ...options.flatMap((option) => ['-o', option]), `${user}@${address}`, command];
    const { status, out, err } = await call('env', ...askpass, 'ssh', ...words);
    return { status, said: out, complaint: err };
  }

  const first = person(2, false);
  const FILE_BYTES = 208 - LETTER_AT;
  const broken: [string, number, (letter: Buffer) => void][] = [
    ['more than the page', constants.errno.EMSGSIZE, (letter) => letter.writeUInt32LE(3885, FILE_BYTES)],
    ['half a header', constants.errno.EBADMSG, (letter) => letter.writeUInt32LE(7, FILE_BYTES)],
    ['a path beyond the end', constants.errno.EBADMSG, (letter) => letter.writeUInt16LE(0xffff, FILE_BYTES + 4)],
    ['data beyond the end', constants.errno.EBADMSG, (letter) => letter.writeUInt32LE(0xffffffff, FILE_BYTES + 8)],
  ];
  for (const [what, status, breakIt] of broken) {
    const letter = writeLetter(first.letter);
    breakIt(letter);
    machine.mailbox.askBytes(letter);
    const end = Date.now() + 10_000;
    while (!machine.mailbox.outcome.answered && Date.now() < end) await sleep(5);
    t.same(machine.mailbox.outcome, { answered: true, status }, what);
  }
  await become(t, space, machine.mailbox, first);
  t.match(await call('ping', '-c1', '-W5', first.address), { status: 0 });
  const asFirst = await ssh(first.address, 'admin', 'admin', first.key, 'hostname; cat /etc/machine-id');
  t.equal(asFirst.said, `web-2\n${first.id}`, asFirst.complaint);

  const second = person(7, true);
  const { address, key, id } = second;
  await become(t, space, machine.mailbox, second);
  t.match(await call('ping', '-c1', '-W5', address), { status: 0 });
  t.match(await call('ping', '-c1', '-W1', first.address), { status: 1 }, 'it has left the first address');

  t.match(await ssh(address, 'root', 'root', first.key, 'true'), { status: 255 }, 'it has another key');
  const commands = ['hostname', 'cat /etc/hostname /etc/machine-id', 'ip -4 -o addr show eth0', 'ip route', 'date +%s'];
  const { said, complaint } = await ssh(address, 'root', 'root', key, `${commands.join(';')}; ls -l /etc/dropbear`);
  const lines = said.split('\n');
  t.same(lines.slice(0, 3), ['web-7', 'web-7', `${id}`.trim()], complaint);
  t.match(lines[3], ` inet ${address}/16 brd 10.99.255.255 `);
  t.match(lines[4], `default via ${GATEWAY} dev eth0`);
  t.match(lines[5], `10.99.0.0/16 dev eth0`);
  const late = Number(lines[6]) - second.letter.time / 1000;
  t.ok(late >= 0 && late < 120, 'its clock is set', { late });
  t.match(lines[8], /^-rw------- /);

  t.match(await call('curl', '-sS', `http://${address}/`), { status: 0, out: /It works!/ });
  const ftp = await call('curl', '-sv', '-m', '30', `ftp://admin:admin@${address}/`);
  t.match(ftp, { status: 0, err: `220 web-7 FTP server (GNU inetutils 2.4) ready.` });
  const mail = ['--mail-from', 'a@example.com', '--mail-rcpt', `b@example.net`, '-T', join(folder, 'known')];
  const smtp = await call('curl', '-sv', '-m', '30', ...mail, `smtp://${address}/`);
  t.match(smtp, { status: 0, err: /220 web-7 ESMTP Exim 4\.\d+ / });
  const telnet = await converse(
    t,
    ['ip', ...inside('telnet', address)],
    [
      ['web-7 login:', 'admin\n'],
      ['Password:', 'admin\n'],
      ['admin@web-7:~$', 'echo $((6 * 7))\n'],
      ['admin@web-7:~$', ''],
    ],
  );
  t.match(telnet, /\n42\r\n/);

  // The next two machines are played by the namespace.
  for (const last of [8, 9]) ip('-n', space, 'addr', 'add', `10.99.200.${last}/32`, 'dev', TAP);
  execFileSync('gcc', ['-std=c17', '-D_GNU_SOURCE', '-o', join(folder, 'chain'), 'guest/chain/main.c']);
  const worm = spawn('ip', inside(join(folder, 'chain')), { stdio: 'ignore' });
  t.teardown(() => worm.kill());
  const worms = await converse(
    t,
    ['ip', ...inside('telnet', address, '7007')],
    [
      ["Escape character is '^]'.", 'go 2\n'],
      ['went to 10.99.200.8', ''],
    ],
  );
  t.match(worms, 'went to 10.99.200.8');

  const report = await machine.report();
  for (const port of [7, 21, 22, 23, 25, 80, 7007]) t.ok(report.includes(`listen tcp ${port}`), `${port} is reported`);
  t.ok(report.includes('listen udp 7'));
  for (const name of ['init', 'chain', 'exim4', 'ftpd', 'httpd']) t.ok(report.includes(`process ${name} 1`), name);
  t.notOk(
    report.some((line) => /kworker|ksoftirqd/.test(line)),
    'threads of the kernel are left out',
  );
});
