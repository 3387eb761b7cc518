import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import t from 'tap';
import { cli, host, noLab, ownLab } from './lab-rig.js';

t.test('a lab comes, tells about itself, and leaves nothing', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  const state = dirname(lab.folder);
  const options = ['--name', lab.name, '--state', state];
  const before = host(lab.name);

  const none = await cli('lab', 'status', ...options);
  t.match(none, { status: 1, out: /is not there/ });

  const up = await cli('lab', 'up', ...options);
  t.match(up, { status: 0, err: '' });
  t.match(up.out, `lab ${lab.name} is up now`);
  t.equal(host(lab.name).namespaces.length, 3);
  t.match(host(lab.name), { links: before.links, routes: before.routes, sysctls: before.sysctls });
  const router = lab.router;
  t.ok(router, 'the router runs');

  const again = await cli('lab', 'up', ...options);
  t.match(again, { status: 0, err: '' });
  t.match(again.out, 'was up already');
  t.same(lab.router, router, 'and still runs');

  const status = await cli('lab', 'status', ...options);
  t.match(status, { status: 0, err: '' });
  t.match(status.out, /198\.51\.100\.1 to 198\.51\.100\.50/);
  t.match(status.out, '0 packets into the tunnel');

  t.match(await cli('lab', 'down', ...options), { status: 0, out: `lab ${lab.name} is gone\n`, err: '' });
  t.same(host(lab.name), before);
  t.notOk(existsSync(state), 'no files');
  t.match(await cli('lab', 'down', ...options), { status: 0, out: `there was no lab ${lab.name}\n`, err: '' });
});

t.test('a broken lab is told about, repaired and removed', { skip: noLab }, async (t) => {
  const lab = ownLab(t);
  await lab.up();
  const { router } = lab;
  process.kill(router!.pid, 'SIGKILL');
  while (lab.isUp) await new Promise((resolve) => setTimeout(resolve, 10));
  t.same(lab.missing, ["the router's end of the tunnel"]);
  t.equal(await lab.up(), true);
  t.ok(lab.isUp);
  t.notSame(lab.router, router);

  execFileSync('ip', ['netns', 'del', lab.namespaces.attacker]);
  t.same(lab.missing, [`namespace ${lab.namespaces.attacker}`]);
  lab.down();
  t.notOk(lab.exists);
});

t.test('a name that is none is refused', async (t) => {
  for (const name of ['', '../x', 'a b', 'A', 'x'.repeat(32)]) {
    t.match(await cli('lab', 'status', '--name', name), { status: 1, err: /--name: expected/ });
  }
});
