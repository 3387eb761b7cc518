import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Cgroups } from '../../../../src/farm/qemu/cgroups.js';

const resources = { memory: 2 ** 27, processes: 64, processors: 1.5 };

interface Mount {
  readonly type: 'cgroup' | 'cgroup2';
  /** Of version 1. */
  readonly options?: string;
  /** Of version 2, in cgroup.controllers. */
  readonly controllers?: string;
}

/** A folder tree that looks like hierarchies of control groups, and the mountinfo that says so. */
function tree(t: Test, mounts: Readonly<Record<string, Mount>>) {
  const top = t.testdir({});
  const lines = Object.entries(mounts).map(([name, { type, options = '', controllers }], i) => {
    mkdirSync(join(top, name));
    if (controllers !== undefined) writeFileSync(join(top, name, 'cgroup.controllers'), `${controllers}\n`);
    return `${30 + i} 24 0:${27 + i} / ${join(top, name)} rw,nosuid - ${type} ${type} rw,${options}`;
  });
  const mountinfo = join(top, 'mountinfo');
  writeFileSync(mountinfo, ['22 1 254:0 / / rw - ext4 /dev/vda rw', ...lines, ''].join('\n'));
  return { top, mountinfo, at: (path: string) => join(top, path) };
}

const V2 = { type: 'cgroup2', controllers: 'cpuset cpu io memory hugetlb pids rdma' } as const;

t.test('version 2', async (t) => {
  const { mountinfo, at } = tree(t, { unified: V2 });
  const groups = new Cgroups({ mountinfo });
  t.equal(groups.describe(), 'control groups limit memory (v2), pids (v2), cpu (v2)');
  const { path } = groups.folders[0]!;
  t.match(path, at(`unified/potemkin-${process.pid}-`));
  // Written one by one, each over the one before: these are files like others.
  t.equal(readFileSync(at('unified/cgroup.subtree_control'), 'utf8'), '+cpu', 'of the host');
  t.equal(readFileSync(join(path, 'cgroup.subtree_control'), 'utf8'), '+cpu', 'and of the machines');
  const settings = [
    { group: 0, file: 'memory.max', value: '134217728' },
    { group: 0, file: 'pids.max', value: '64' },
    { group: 0, file: 'cpu.max', value: '1500000 1000000' },
  ];
  t.same(groups.settings(resources), settings);
  writeFileSync(join(path, 'memory.swap.max'), 'max');
  t.same(groups.settings(resources)[1], { group: 0, file: 'memory.swap.max', value: '0' }, 'where there can be swap');
});

t.test('version 1', async (t) => {
  const { mountinfo } = tree(t, {
    'cpu,cpuacct': { type: 'cgroup', options: 'cpu,cpuacct' },
    memory: { type: 'cgroup', options: 'memory' },
    devices: { type: 'cgroup', options: 'devices' },
    pids: { type: 'cgroup', options: 'pids' },
    systemd: { type: 'cgroup', options: 'xattr,name=systemd' },
  });
  const groups = new Cgroups({ mountinfo });
  t.equal(groups.describe(), 'control groups limit cpu (v1), memory (v1), pids (v1)');
  t.same(groups.settings(resources), [
    { group: 0, file: 'cpu.cfs_period_us', value: '1000000' },
    { group: 0, file: 'cpu.cfs_quota_us', value: '1500000' },
    { group: 1, file: 'memory.limit_in_bytes', value: '134217728' },
    { group: 1, file: 'memory.swappiness', value: '0' },
    { group: 2, file: 'pids.max', value: '64' },
  ]);
  await groups.remove();
  t.same(
    groups.folders.filter(({ path }) => existsSync(path)),
    [],
  );
});

t.test('version 2 goes before version 1, and each controller is taken once', async (t) => {
  const { mountinfo, at } = tree(t, {
    memory: { type: 'cgroup', options: 'memory' },
    pids: { type: 'cgroup', options: 'pids' },
    again: { type: 'cgroup', options: 'pids' },
    unified: { type: 'cgroup2', controllers: 'memory' },
  });
  const groups = new Cgroups({ mountinfo });
  t.equal(groups.describe(), 'control groups limit memory (v2), pids (v1); not limited: cpu');
  t.same(
    ['memory', 'again'].map((name) => readdirSync(at(name))),
    [[], []],
  );
});

t.test('what a root of version 2 refuses is not limited, and said', async (t) => {
  const { mountinfo, at } = tree(t, { unified: V2 });
  // A folder cannot be written to, by nobody.
  mkdirSync(at('unified/cgroup.subtree_control'));
  const groups = new Cgroups({ mountinfo });
  const refusal = (name: string) => `${at('unified/cgroup.subtree_control')} refuses ${name} (EISDIR)`;
  t.equal(
    groups.describe(),
    `control groups limit nothing; not limited: memory, pids, cpu: ${['memory', 'pids', 'cpu'].map(refusal).join('; ')}`,
  );
  t.same(groups.settings(resources), []);
  t.same(readdirSync(at('unified')).sort(), ['cgroup.controllers', 'cgroup.subtree_control'], 'no folder is left');
});

t.test('a hierarchy that cannot be read does not cost the others', async (t) => {
  const { mountinfo, at } = tree(t, {
    unified: { type: 'cgroup2' },
    memory: { type: 'cgroup', options: 'memory' },
    pids: { type: 'cgroup', options: 'pids' },
  });
  rmSync(at('pids'), { recursive: true });
  const said = new Cgroups({ mountinfo }).describe();
  t.match(said, /^control groups limit memory \(v1\); not limited: pids, cpu: ENOENT.*cgroup.controllers.*; ENOENT/);
});

t.test('no control groups at all', async (t) => {
  const { mountinfo } = tree(t, {});
  const groups = new Cgroups({ mountinfo });
  t.equal(groups.describe(), 'control groups limit nothing; not limited: memory, pids, cpu');
  t.same(groups.settings(resources), []);
  await groups.remove();
});

t.test('what daemons that were killed have left is removed, and nothing else', async (t) => {
  const { mountinfo, at } = tree(t, { pids: { type: 'cgroup', options: 'pids' } });
  const [dead, alive, others] = ['potemkin-100-1', 'potemkin-200-1', 'potemkin-x'];
  for (const name of [`${dead}/machine0`, `${dead}/machine7`, `${alive}/machine0`, others])
    mkdirSync(at(`pids/${name}`), { recursive: true });
  const groups = new Cgroups({ mountinfo, runs: (pid) => pid === 200 });
  t.notOk(existsSync(at(`pids/${dead}`)));
  t.ok(existsSync(at(`pids/${alive}/machine0`)));
  t.ok(existsSync(at(`pids/${others}`)));
  t.equal(groups.folders.length, 1);
  // Somebody else was quicker.
  for (const { path } of groups.folders) rmSync(path, { recursive: true });
  await groups.remove();
});

t.test('two of one daemon are apart', async (t) => {
  const { mountinfo } = tree(t, { pids: { type: 'cgroup', options: 'pids' } });
  const paths = [1, 2].map(() => new Cgroups({ mountinfo }).folders[0]!.path);
  t.not(paths[0], paths[1]);
  t.ok(paths.every((path) => existsSync(path)));
});

const noGroups = process.getuid?.() === 0 ? false : 'needs root: control groups can be made by nobody else';

t.test('those of this host', { skip: noGroups }, async (t) => {
  const groups = new Cgroups();
  t.teardown(() => groups.remove());
  if (groups.folders.length === 0) {
    t.pass(groups.describe(), { skip: groups.describe() });
    return;
  }
  t.comment(groups.describe());
  for (const { group, file } of groups.settings(resources)) {
    const { path } = groups.folders[group]!;
    t.ok(existsSync(join(path, file)), `${path} has ${file}`);
  }
  for (const { path } of groups.folders) mkdirSync(join(path, 'machine0'));
  await groups.remove();
  t.same(
    groups.folders.filter(({ path }) => existsSync(path)),
    [],
  );
});
