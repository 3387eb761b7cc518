/** What a process in a jail can reach: nothing. Each line of docs/isolation.md names a test of this file. */
import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { native } from '../../src/native/addon.js';
import { compilePrisoner, noJails, Prison, type Prisoner, processesOf, shownTo, statusOf, until } from './jail.js';

const MEGABYTE = 2 ** 20;

const jailed = { skip: noJails };
const { program, folder } = noJails ? { program: '', folder: '' } : compilePrisoner(t);

/** Runs the prisoner to its end. */
async function lines(t: Test, ...words: string[]): Promise<string[]> {
  const prison = await Prison.open(t, program);
  const prisoner = await prison.start(words);
  t.equal(await prisoner.ended, 'ended with status 0');
  return prisoner.lines();
}

t.test('it is alone, nobody, and may do nothing', jailed, async (t) => {
  const prison = await Prison.open(t, program);
  const looking = [];
  for (const slot of [0, 2]) looking.push(await (await prison.start(['look'], { slot })).lines());
  for (const said of looking) {
    const facts = (start: string) => said.filter((line) => line.startsWith(start));
    t.same(facts('process'), ['process 1'], 'no other process');
    t.same(facts('interface'), ['interface lo'], 'no network');
    t.same(
      facts('Cap').map((line) => line.split('\t')[1]),
      Array(5).fill('0000000000000000'),
      'no capability is held, inherited, ambient or to be had',
    );
    t.same(facts('NoNewPrivs'), ['NoNewPrivs:\t1']);
    const denied = { EPERM: ['mount', 'remount', 'chroot', 'setuid', 'hostname', 'unshare', 'realtime'] };
    for (const what of denied.EPERM) {
      t.ok(facts(`${what} `).length > 0);
      for (const line of facts(`${what} `)) t.match(line, /EPERM$/, line);
    }
    t.match(facts('nice')[0], /EACCES$/);
    t.match(facts('mknod')[0], /(EPERM|EROFS)$/);
    t.match(facts('signal')[0], /ESRCH$/, 'there is nobody to send a signal to');
  }
  const users = looking.map((said) =>
    said
      .find((line) => line.startsWith('user'))!
      .split(' ')
      .map(Number),
  );
  for (const [, real, effective, pid] of users) {
    t.ok(real! >= 0x70000000 && real! < 0x78000000, 'a user whom nobody else has');
    t.equal(effective, real);
    t.equal(pid, 1);
  }
  t.equal(users[1]![1]! - users[0]![1]!, 2, 'the user of its slot');
  const groups = looking.map((said) => said.find((line) => line.startsWith('group'))!);
  t.same(
    groups,
    users.map(([, user]) => `group ${user} ${user} 0`),
    'its own group, and no others',
  );
});

t.test('it sees what it is shown of the files, and can change nothing', jailed, async (t) => {
  const file = join(folder, 'shown.txt');
  writeFileSync(file, 'shown');
  chmodSync(file, 0o666);
  const prison = await Prison.open(t, program, shownTo(program, [file]));
  const said = await (await prison.start(['attack'])).lines();
  const there = said.filter((line) => line.startsWith('there ')).map((line) => line.slice('there '.length));
  t.same(there.sort(), ['/', '/dev', '/dev/null', '/var', '/var/tmp', folder, program, file].sort());
  const tried = said.filter((line) => !line.startsWith('there '));
  t.equal(tried.length, 2 * there.length - 1);
  for (const line of tried) t.match(line, /(EROFS|EACCES|EPERM|ETXTBSY)$/, line);
  const hidden = ['/etc/passwd', '/root', process.cwd(), '/sys', '/tmp', '/machine', '/../etc/passwd'];
  const behind = ['/proc/1/root/etc/passwd', '/proc/self/cwd/../etc/passwd', '/proc/sys', '/proc/kcore', '/proc/2'];
  const opened = await (await prison.start(['open', ...hidden, ...behind])).lines();
  t.same(
    opened,
    [...hidden, ...behind].map((path) => `open ${path} ENOENT`),
  );
  await t.rejects((await Prison.open(t, file, shownTo(program, [file]))).start([]), {
    message: `executing ${file}: Permission denied`,
  });
});

t.test('it has its descriptors in order, and no others', jailed, async (t) => {
  const path = join(folder, 'readable.txt');
  writeFileSync(path, 'not to be changed', { mode: 0o644 });
  const fds = [native.memoryFile('one', 10), openSync(path, 'r'), native.memoryFile('two', 10)];
  t.teardown(() => fds.forEach((fd) => void closeSync(fd)));
  const prison = await Prison.open(t, program);
  const waiting = await prison.start(['wait'], { slot: 1 });
  const said = await (await prison.start(['descriptors'], { fds })).lines();
  t.match(said, [
    'fd 0 /dev/null',
    'fd 1 /dev/null',
    /^fd 2 pipe:/,
    /^fd 3 socket:/,
    'fd 4 /memfd:one (deleted)',
    // Below the root that it sees it has no path.
    /^fd 5 .*readable.txt$/,
    'fd 6 /memfd:two (deleted)',
  ]);
  t.equal(said.length, 7);
  const reopening = await (await prison.start(['reopen', '/proc/self/fd/5'], { fds })).lines();
  t.same(reopening, ['reopen /proc/self/fd/5 EACCES'], 'what is open for reading stays so');
  prison.launcher.kill(waiting.id);
  const many = Array.from({ length: 31 }, () => fds[0]!);
  t.equal((await (await prison.start(['descriptors'], { fds: many })).lines()).length, 3 + 32);
  await t.rejects(prison.start(['descriptors'], { fds: [...many, fds[0]!] }), {
    message: 'a request has at most 32 descriptors, not 33',
  });
});

t.test('keys of the daemon are not for it', jailed, async (t) => {
  const daemon = new URL('./jail-daemon.js', import.meta.url).pathname;
  const run = (...words: string[]) =>
    execFileSync(program, ['with-key', process.execPath, daemon, program, ...words], { encoding: 'utf8' });
  t.match(run('search'), /^key secret ENOKEY$/m);
});

t.test('memory', jailed, async (t) => {
  const prison = await Prison.open(t, program);
  const { limits } = prison.launcher;
  if (!/memory \(v/.test(limits)) {
    t.pass(limits, { skip: `there is no memory controller: ${limits}` });
    return;
  }
  const bystander = await prison.start(['wait'], { slot: 1 });
  const limit = 32;
  const greedy = await prison.start(['fill'], { limits: { memory: limit * MEGABYTE, fileBytes: 0 } });
  t.equal(await greedy.ended, 'killed by SIGKILL');
  const reached = Number((await greedy.lines()).at(-1));
  t.ok(reached > limit / 2 && reached <= limit, `it was killed after ${reached} MiB`);
  t.ok(processesOf(userOf(bystander)).length === 1);
});

t.test('processes', jailed, async (t) => {
  const prison = await Prison.open(t, program);
  const bomb = await prison.start(['bomb']);
  await bomb.saying('forked');
  const user = userOf(bomb);
  await until('the bomb has gone off', () => processesOf(user).length >= 64);
  const other = await prison.start(['wait'], { slot: 1 });
  await other.saying('waiting');
  t.ok(processesOf(user).length <= 64);
  prison.launcher.kill(bomb.id);
  t.equal(await bomb.ended, 'killed by SIGKILL');
  t.same(processesOf(user), [], 'none of its processes is left');
  const next = await prison.start(['wait'], { slot: 0 });
  t.equal(userOf(next), user, 'the slot can be used again at once');
});

t.test('what it said last is told, and does not act on a terminal', jailed, async (t) => {
  const prison = await Prison.open(t, program);
  const reason = await (await prison.start(['say', '1000'])).ended;
  t.match(reason, /^ended with status 3: .*\[31mline 999 \[31mline 1000$/);
  t.notMatch(reason, /\p{C}/u);
  t.ok(reason.length < 600);
});

t.test('it can talk without end, however busy the launcher is', jailed, async (t) => {
  const prison = await Prison.open(t, program);
  let ended = false;
  const talker = await prison.start(['say', '50000'], { slot: 1 });
  void talker.ended.then(() => {
    ended = true;
  });
  for (let i = 0; !ended && i < 10_000; i++) await (await prison.start(['descriptors'])).ended;
  t.ok(ended);
});

t.test('what cannot be executed', jailed, async (t) => {
  const prison = await Prison.open(t, '/bin/nothing', shownTo(program));
  for (let i = 0; i < 3; i++)
    await t.rejects(prison.start([]), { message: 'executing /bin/nothing: No such file or directory' });
  await t.rejects(prison.start([], { slot: 4 }), { message: 'slot 4 of 4: Numerical result out of range' });
});

t.test('an open device is not one that it was not shown', jailed, async (t) => {
  t.same(await lines(t, 'open', '/dev/null', '/dev/mem', '/dev/kvm', '/dev/urandom'), [
    'open /dev/null allowed',
    'open /dev/mem ENOENT',
    'open /dev/kvm ENOENT',
    'open /dev/urandom ENOENT',
  ]);
});

const userOf = ({ pid }: Prisoner) => Number(statusOf(pid, 'Uid').split('\t')[0]);
