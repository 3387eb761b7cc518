/** However a machine, the launcher or the daemon ends: whose end it is, ends, and nothing is left. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { PROGRAM } from '../../src/farm/qemu/launcher.js';
import { launchMessage, Replies, type Reply } from '../../src/farm/qemu/launcher-messages.js';
import { native } from '../../src/native/addon.js';
import {
  compilePrisoner,
  groupsOf,
  launchersOf,
  namespacesOf,
  noJails,
  openFiles,
  Prison,
  runs,
  statusOf,
  until,
} from './jail.js';

const jailed = { skip: noJails };
const { program } = noJails ? { program: '' } : compilePrisoner(t);

const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8');
/** Mounts of jails that the host sees. */
const jails = () => mounts().match(/ - tmpfs potemkin .*/g) ?? [];

t.test('one that is killed leaves the others', jailed, async (t) => {
  const prison = await Prison.open(t, program);
  const [first, second] = [await prison.start(['wait']), await prison.start(['wait'], { slot: 1 })];
  const before = groupsOf(process.pid).map((folder) => existsSync(`${folder}/machine0`));
  t.notOk(before.includes(false), 'it has a control group in each hierarchy');
  process.kill(first.pid, 'SIGKILL');
  t.equal(await first.ended, 'killed by SIGKILL');
  t.ok(runs(second.pid));
  const third = await prison.start(['wait']);
  await third.saying('waiting');
  prison.launcher.kill(second.id);
  prison.launcher.kill(second.id);
  t.equal(await second.ended, 'killed by SIGKILL');
  t.ok(runs(third.pid));
  prison.launcher.kill(second.id);
  await t.rejects(prison.start(['wait']), { message: 'slot 0: Device or resource busy' });
});

t.test('a launcher that is closed leaves nothing', jailed, async (t) => {
  const files = openFiles();
  const prison = await Prison.open(t, program);
  const machines = [await prison.start(['wait']), await prison.start(['wait'], { slot: 1 })];
  const namespaces = machines.flatMap(({ pid }) => namespacesOf(pid));
  t.equal(new Set(namespaces).size, namespaces.length, 'each has its own');
  const closed = prison.launcher.close();
  await t.rejects(prison.start(['wait']), { message: 'the launcher of machines has ended: it was closed' });
  await closed;
  for (const { ended } of machines) t.equal(await ended, 'the launcher of machines has ended: it was closed');
  for (const { lines } of machines) await lines();
  t.same(
    machines.filter(({ pid }) => runs(pid)),
    [],
  );
  t.same(groupsOf(process.pid), []);
  t.same(launchersOf(process.pid), []);
  t.same(jails(), []);
  await until('no descriptor is left', () => openFiles() === files);
});

for (const who of ['guard', 'server'] as const) {
  t.test(`the launcher's ${who} is killed`, jailed, async (t) => {
    const files = openFiles();
    const prison = await Prison.open(t, program);
    const machines = [await prison.start(['wait']), await prison.start(['wait'], { slot: 1 })];
    const [launcher] = launchersOf(process.pid);
    process.kill(launcher![who], 'SIGKILL');
    const reason = /^the launcher of machines has ended: it (ended with|closed its socket)/;
    for (const { ended } of machines) t.match(await ended, reason, 'all are told');
    await t.rejects(prison.start(['wait']), { message: reason });
    t.notOk(prison.launcher.alive);
    await prison.launcher.close();
    for (const { pid } of machines) await until('all have ended', () => !runs(pid));
    for (const { lines } of machines) await lines();
    t.notOk(runs(launcher!.guard) || runs(launcher!.server));
    t.same(groupsOf(process.pid), []);
    await until('no descriptor is left', () => openFiles() === files);
  });
}

t.test('signals that a service manager sends to all are for the daemon', jailed, async (t) => {
  const prison = await Prison.open(t, program);
  const machine = await prison.start(['wait']);
  const [launcher] = launchersOf(process.pid);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGSTOP', 'SIGCONT'])
    for (const pid of Object.values(launcher!)) process.kill(pid, signal);
  const other = await prison.start(['descriptors'], { slot: 1 });
  t.equal(await other.ended, 'ended with status 0');
  t.ok(runs(machine.pid) && prison.launcher.alive);
});

/** Starts a daemon with machines. It is gone at the end of the test. */
async function daemon(t: Test, how: 'wait' | 'thread') {
  const file = fileURLToPath(new URL('./jail-daemon.js', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [file, program, how], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
  const machines = JSON.parse(line) as number[];
  const [launcher] = launchersOf(child.pid!);
  const all = [...machines, launcher!.guard, launcher!.server];
  t.equal(all.filter(runs).length, 5);
  return { child, ended, pid: child.pid!, launcher: launcher!, all };
}

/** Without processes, mounts and descriptors there are no namespaces either. */
async function nothingIsLeft(t: Test, { pid, all }: Awaited<ReturnType<typeof daemon>>) {
  await until('all have ended', () => all.every((one) => !runs(one)));
  await until('no control group is left', () => groupsOf(pid).length === 0);
  t.same(jails(), []);
}

t.test('the daemon is killed', jailed, async (t) => {
  const run = await daemon(t, 'wait');
  run.child.kill('SIGKILL');
  await nothingIsLeft(t, run);
});

t.test('the daemon is killed while the server of its launcher hangs', jailed, async (t) => {
  const run = await daemon(t, 'wait');
  process.kill(run.launcher.server, 'SIGSTOP');
  await until('it stands still', () => statusOf(run.launcher.server, 'State').startsWith('T'));
  run.child.kill('SIGKILL');
  await nothingIsLeft(t, run);
});

t.test('the daemon and the guard are killed; the next one clears up', jailed, async (t) => {
  const run = await daemon(t, 'wait');
  process.kill(run.launcher.guard, 'SIGKILL');
  run.child.kill('SIGKILL');
  await until('all have ended', () => run.all.every((one) => !runs(one)));
  await run.ended;
  await Prison.open(t, program);
  await nothingIsLeft(t, run);
});

t.test('the thread that started the launcher ends', jailed, async (t) => {
  const run = await daemon(t, 'thread');
  run.child.stdin!.write('end\n');
  await nothingIsLeft(t, run);
  t.ok(runs(run.pid), 'the daemon goes on');
});

t.test('a control group of version 2 is entered and removed', jailed, async (t) => {
  const mount = /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(mounts())?.[1];
  if (mount === undefined) {
    t.pass('', { skip: 'there are no control groups of version 2' });
    return;
  }
  const folder = `${mount}/potemkin-test-${process.pid}`;
  mkdirSync(folder);
  const [ours, theirs] = native.streamPair();
  const words = [`${process.pid}`, '1', `program=${program}`, `unified=${folder}`];
  const guard = spawn(PROGRAM, words, { stdio: ['ignore', 'ignore', 'inherit', theirs] });
  const ended = once(guard, 'exit');
  closeSync(theirs);
  const replies = new Replies();
  const heard: Reply[] = [];
  const socket = new Socket({ fd: ours, readable: true, writable: true });
  t.teardown(() => socket.destroy());
  socket.on('data', (piece) => heard.push(...replies.read(piece)));
  const input = openSync('/dev/null', 'r');
  const request = {
    ...{ id: 1, slot: 0, files: 64, processes: 64, fileBytes: 0, descriptors: 1 },
    settings: [{ group: 0, file: 'cgroup.max.depth', value: '0' }],
    argv: [program, 'wait'],
  };
  native.sendDescriptors(ours, launchMessage(request), Int32Array.of(input));
  closeSync(input);
  await until('it is started', () => heard.length === 2);
  const started = heard[1]!;
  if (started.kind !== 'started') throw new Error(JSON.stringify(started));
  const group = `${folder}/machine0`;
  t.match(readFileSync(`/proc/${started.pid}/cgroup`, 'utf8'), `0::/potemkin-test-${process.pid}/machine0\n`);
  t.equal(readFileSync(`${group}/cgroup.max.depth`, 'utf8'), '0\n', 'what was to be set is set');
  process.kill(started.pid, 'SIGKILL');
  await until('it has ended', () => heard.length === 3);
  t.same(heard[2], { kind: 'ended', id: 1, reason: 'killed by SIGKILL' });
  t.notOk(existsSync(group));
  socket.destroy();
  t.same(await ended, [0, null]);
  t.notOk(existsSync(folder));
});
