/** The commands that show what runs and what was caught, as a person calls them. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { captureClone } from '../../src/farm/capture.js';
import { CaptureStore } from '../../src/farm/capture-store.js';
import { PAGE_SIZE, type PageClone, Pool } from '../../src/farm/pool.js';
import { capturesFolder, imageMemory } from '../../src/farm/state.js';
import { caught } from '../unit/farm/caught.js';
import { icmp } from '../unit/native/build.js';
import { plainly } from './lab-rig.js';
import { startDaemon } from './running.js';

const run = promisify(execFile);

interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

const say = (...args: string[]): Promise<Said> =>
  run(...plainly(...args)).then(
    ({ stdout, stderr }) => ({ status: 0, out: stdout, err: stderr }),
    ({ code, stdout, stderr }) => ({ status: code, out: stdout, err: stderr }),
  );

t.test('clones and universes of a running daemon', async (t) => {
  const folder = t.testdir({ 'a.map': '0.0.0.0/0 linux\n' });
  const images = fileURLToPath(new URL('../../../config/images', import.meta.url));
  const graph = join(folder, 'a.click');
  writeFileSync(
    graph,
    `InfiniteSource(DATA \\<${icmp().toString('hex')}>, LIMIT 1, STOP false) -> CheckIPHeader -> UniverseTagger
       -> Dispatcher(MAP a.map) -> plain :: CloneFarm(IMAGES ${images}) -> Discard;`,
  );
  const url = await startDaemon(t, graph);
  const { out } = await say('clones', '--at', url, '--json');
  t.match(JSON.parse(out), [
    { farm: 'plain', clone: 1, universe: 1, address: '10.99.1.2', image: 'linux', state: /live|quiet/, parent: null },
  ]);
  t.match(
    (await say('clones', 'list', '--at', url)).out,
    /^FARM .* DELTA +PSS +OVERHEAD .*\nplain +1 +1 +10\.99\.1\.2/,
  );
  t.match((await say('universes', '--at', url)).out, /\nplain +1 +closed +198\.51\.100\.1 +10\.99\.1\.2 +1 +1 +1 +0 /);
  t.match(JSON.parse((await say('universes', '--at', url, '--json')).out), [{ source: '198.51.100.1', clones: 1 }]);
  t.match(
    (await say('universes', '1', '--at', url)).out,
    /^universe 1, closed, begun by 198\.51\.100\.1 .*\n.*\n└─ 10\.99\.1\.2, clone 1/,
  );
  t.match(await say('universes', '2', '--at', url), { status: 1, err: /status 404: no universe of this number/ });
  t.match(await say('universes', 'x', '--at', url), { status: 1, err: /expected the number of a universe, not 'x'/ });
  const drawn = join(folder, 'tree.svg');
  t.equal((await say('universes', '1', '--at', url, '-o', drawn)).status, 0);
  t.match(readFileSync(drawn, 'utf8'), /<svg.*10\.99\.1\.2/s);
  t.ok(Array.isArray(JSON.parse((await say('universes', '--ended', '--at', url, '--json')).out)));
});

t.test('a daemon that is not there', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  t.match(await say('clones', '--at', `http://127.0.0.1:${port}`), {
    status: 1,
    err: new RegExp(`^http://127\\.0\\.0\\.1:${port}/clones: ECONNREFUSED; does the daemon run`),
  });
  t.match(await say('universes', '--at', 'localhost'), { status: 1, err: /^--at: expected a URL .*, not 'localhost'/ });
});

t.test('captures are listed and shown, and the memory of one is rebuilt', async (t) => {
  const state = t.testdir({});
  const pool = new Pool({ budget: 1 << 26 });
  t.teardown(() => pool.close());
  const subject = caught(pool, state);
  const store = new CaptureStore(capturesFolder(state), { captures: 10, bytes: 1 << 30 });
  await store.open();
  t.equal((await captureClone(store, subject)).kind, 'captured');
  await store.close();
  closeSync(subject.disk);
  const name = '20231114T221320.500Z-u3-c3-10.99.0.3';

  const list = await say('captures', 'list', '--state', state);
  t.match(list, { status: 0, out: new RegExp(`\n${name} +linux +3 +1 +20\\.0 KB +opened 1 connection`) });
  t.match(JSON.parse((await say('captures', 'list', '--state', state, '--json')).out), [{ name, kind: 'clone' }]);
  const { out } = await say('captures', 'show', name, '--state', state);
  t.match(out, /^chain +10\.99\.0\.3 \(3\) <- 10\.99\.0\.2 \(2\) <- 10\.99\.0\.1 \(1\) <- 198\.51\.100\.1$/m);
  t.match(out, /^verdict +reflect by reflect\.policy:12: 4 flows$/m);
  t.match(await say('captures', 'show', 'none', '--state', state), { status: 1, err: /there is no capture 'none'/ });

  const output = join(state, 'memory.raw');
  const restore = () => say('clones', 'restore-memory', name, '-o', output, '--state', state);
  t.match(await restore(), {
    status: 1,
    err: /images\/linux\/memory: the frozen memory of image 'linux' is not there/,
  });
  mkdirSync(join(state, 'images', 'linux'), { recursive: true });
  const memory = subject.memory as PageClone;
  const frozen = new Uint8Array(memory.size);
  memory.image.read(0, frozen);
  writeFileSync(imageMemory(state, 'linux'), frozen);
  t.match(await restore(), { status: 0, out: `${output}: the memory of clone 3 (10.99.0.3)\n` });
  const wanted = new Uint8Array(memory.size);
  memory.read(0, wanted);
  t.ok(readFileSync(output).equals(wanted), 'byte for byte');
  t.match(await restore(), { status: 1, err: /memory\.raw exists; it is not overwritten/ });

  frozen[PAGE_SIZE * 900] = 1;
  writeFileSync(imageMemory(state, 'linux'), frozen);
  t.match(await say('clones', 'restore-memory', name, '-o', `${output}2`, '--state', state), {
    status: 1,
    err: /the delta is of another image/,
  });
});
