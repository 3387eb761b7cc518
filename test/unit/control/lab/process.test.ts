import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { identify, readPidFile, runs, stop, writePidFile } from '../../../../src/control/lab/process.js';

async function sleeper(t: Test, script: string) {
  const child = spawn(process.execPath, ['-e', `${script}; console.log(1); setInterval(() => {}, 1000)`]);
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

t.test('a pid file names a process as long as that very process runs', async (t) => {
  const file = join(t.testdir({}), 'x.pid');
  t.equal(readPidFile(file), undefined, 'no file');
  const child = await sleeper(t, '');
  writePidFile(file, child.pid!);
  const id = readPidFile(file)!;
  t.equal(id.pid, child.pid);
  t.ok(runs(id));

  writeFileSync(file, `${id.pid} ${Number(id.started) - 1}\n`);
  t.equal(readPidFile(file), undefined, 'another process had this number before');
  for (const text of ['', 'x', `${id.pid}`, `${id.pid} ${id.started} 1\n`]) {
    writeFileSync(file, text);
    t.equal(readPidFile(file), undefined, JSON.stringify(text));
  }

  stop(id);
  t.notOk(runs(id), 'ended, though nobody has asked for its status yet');
  t.equal(identify(child.pid!), undefined);
  stop(id);
});

t.test('a process that does not listen is ended all the same', async (t) => {
  const child = await sleeper(t, "process.on('SIGTERM', () => {})");
  const ended = once(child, 'exit');
  stop(identify(child.pid!)!);
  t.same(await ended, [null, 'SIGKILL']);
});
