import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { Lab } from '../../src/control/lab/lab.js';
import { readManifest, writeManifest } from '../../src/farm/image/manifest.js';
import type { CloneLine } from '../../src/farm/listing.js';
import { Gateway } from './gateway.js';
import { attack, noLab, ownLab, potemkin, run, until } from './lab-rig.js';

const path = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

/** A disk that boots by itself and has no agent; or why there is none. */
function makeDisk(): { disk: string } | { missing: string } {
  if (noLab) return { missing: noLab };
  for (const [program, name] of [
    ['/usr/bin/qemu-system-x86_64', 'qemu-system-x86'],
    ['/usr/bin/qemu-img', 'qemu-utils'],
  ] as const)
    if (!existsSync(program)) return { missing: `${program} is missing: install the Debian package ${name}` };
  try {
    return {
      disk: execFileSync(path('scripts/guest/disk'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim(),
    };
  } catch (error) {
    return { missing: String((error as { stderr?: string }).stderr ?? error).trim() };
  }
}

const made = makeDisk();
const noDisk = 'missing' in made ? made.missing : false;
const raw = 'disk' in made ? made.disk : '';

t.setTimeout(240_000);

/** The shipped recipe, for this disk. */
function recipe(changes: Record<string, string> = {}): string {
  const text = readFileSync(path('config/images/disk.recipe'), 'utf8');
  const statements = { memory: '128M', ready: 'tcp 80', warm: 'tcp 80', ...changes };
  return Object.entries(statements).reduce(
    (all, [key, value]) => all.replace(new RegExp(`^#?${key} .*$`, 'm'), `${key} ${value}`),
    text,
  );
}

/** A folder of all state, which goes at the end of the test. */
function ownState(t: Test): string {
  const state = mkdtempSync(join(tmpdir(), 'potemkin-import-'));
  t.teardown(() => rmSync(state, { recursive: true }));
  return state;
}

const image = (state: string, ...words: string[]) => run(potemkin, ['image', ...words, '--state', state], 120);

/** config/farm.click with the image of this state, which plays the telescope. */
async function farm(t: Test, lab: Lab, state: string, settings = '') {
  const map = join(state, 'addresses.map');
  const graph = join(state, 'farm.click');
  const shipped = readFileSync(path('config/farm.click'), 'utf8');
  writeFileSync(graph, shipped.replace('MEMORY 2G', `MEMORY 2G, STANDBY 1, STANDBY_MOST 1${settings}`));
  const defines = {
    TARGETS: '0',
    MAP: map,
    POLICY: path('config/policies/reflect.policy'),
    ZONE: path('config/sinks.zone'),
  };
  const words = Object.entries(defines).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  const gateway = await Gateway.start(t, lab, graph, '--state', state, ...words);
  /** What a server at this address answers. */
  const curl = async (where: string, ...options: string[]) => {
    const { out, err, status } = await attack(lab, 'curl', '-sS', '--max-time', '20', ...options, `http://${where}`);
    if (status !== 0) throw new Error(`${where}: ${err}`);
    return out;
  };
  return { gateway, curl };
}

t.test('a disk that is imported and frozen plays addresses', { skip: noDisk }, async (t) => {
  const state = ownState(t);
  const disk = join(state, 'disk.qcow2');
  execFileSync('qemu-img', ['convert', '-O', 'qcow2', raw, disk]);
  const file = join(state, 'box.recipe');
  writeFileSync(file, recipe());
  t.match(await image(state, 'import', 'box', disk, '--recipe', file), { status: 0, out: /image box is there/ });
  const imported = readFileSync(disk);
  t.ok(readFileSync(join(state, 'images/box/disk')).equals(imported), 'it is copied');
  const frozen = await image(state, 'freeze', 'box');
  t.match(frozen, { status: 0, out: /^box: 128 MiB memory, pc under (tcg|kvm), identity by translate, frozen / });
  t.match(frozen.err, 'bound 10.0.0.2/24 of 10.0.0.1', 'it got its address by DHCP');
  t.ok(readFileSync(join(state, 'images/box/disk')).equals(imported), 'and its disk is as it was');

  writeFileSync(join(state, 'addresses.map'), '10.99.0.0/16 box\n');
  const lab = ownLab(t);
  await lab.up();
  const { gateway, curl } = await farm(t, lab, state);
  const [one, two] = ['10.99.3.4', '10.99.200.7'];
  t.match(await curl(`${one}/index.html`), /<title>From the disk</);
  t.match(await curl(`${two}/index.html`), /<title>From the disk</);
  t.equal(await curl(`${one}/cgi-bin/note`), 'from before it was frozen\n', 'what it had written is there');

  t.equal(await curl(`${one}/cgi-bin/note`, '--data', 'written by a clone'), 'written by a clone');
  t.equal(await curl(`${one}/cgi-bin/note`), 'written by a clone');
  t.equal(await curl(`${two}/cgi-bin/note`), 'from before it was frozen\n', 'others have not got it');

  const network = await curl(`${one}/cgi-bin/network`);
  t.match(network, /inet 10\.0\.0\.2\/24/, 'its own address is the one that it was frozen with');
  t.match(network, /link\/ether 02:00:00:00:00:02/);
  t.match(await curl(`${one}/cgi-bin/renew`), /lease of 10\.0\.0\.2 obtained from 10\.0\.0\.1/);
  const visit = await curl(`${one}/cgi-bin/visit?10.99.5.6`);
  t.match(visit, `asked by ${one}`, 'others know it by its address in the telescope');
  t.match(visit, 'inet 10.0.0.2/24', 'though they have the same inside');

  t.match(await attack(lab, 'ping', '-c', '2', '-W', '5', one), { status: 0, out: `from ${one}` });
  const closed = await attack(lab, 'nmap', '-n', '-Pn', '-sU', '-p', '9', '--reason', two);
  t.match(closed, { status: 0, out: /9\/udp +closed +discard +port-unreach/ }, 'what errors quote is translated');
  t.match(
    gateway.clones.map(({ address }) => address),
    [one, two, '10.99.5.6'],
    'a clone for each',
  );
  t.equal(await gateway.metric('potemkin_dropped_packets_total', /reason="(spoofed|untranslatable)"/), 0);
  const account = async () => {
    const { farms } = (await (await gateway.get('/clones')).json()) as { farms: { clones: CloneLine[] }[] };
    return farms[0]!.clones.find(({ address }) => address === one)?.disk ?? undefined;
  };
  const written = await until('its account', account);
  t.ok(written > 12_000 && written < 2 ** 20, `its own layer is small: ${written}`);
  t.equal(await gateway.end(), 0);
  t.match(await image(state, 'verify', 'box'), { status: 0, out: /nothing is wrong with it/, err: '' });

  await t.test('a disk that takes no more harms nobody', async (t) => {
    const { gateway, curl } = await farm(t, lab, state, ', DISK 4M');
    t.notMatch(await curl(`${one}/cgi-bin/fill?16`), 'the disk took it all');
    t.match(await curl(`${one}/cgi-bin/network`), 'inet 10.0.0.2/24', 'it goes on without');
    t.match(await curl(`${two}/cgi-bin/fill?1`), 'the disk took it all', 'and others have theirs');
    t.equal(await curl(`${two}/cgi-bin/note`), 'from before it was frozen\n', 'as do those of a later run');
    t.same(
      gateway.events.filter(({ kind }) => kind === 'gone'),
      [],
    );
    t.equal(await gateway.end(), 0);
  });

  await t.test('an image that is damaged, or of another QEMU, is refused with the reason', async (t) => {
    const folder = join(state, 'images/box');
    const graph = join(state, 'refused.click');
    writeFileSync(graph, 'Idle -> Dispatcher(MAP addresses.map) -> CloneFarm(BACKEND qemu) -> Discard;\n');
    const refused = async (reason: string | RegExp) => {
      for (const words of [
        ['image', 'verify', 'box'],
        ['run', graph, '--listen', 'off'],
      ]) {
        const ended = await run(potemkin, [...words, '--state', state]);
        t.match(ended, { status: 1, out: '', err: reason });
        t.equal(ended.err.trimEnd().split('\n').length, 1, 'in one line');
      }
    };
    const layer = openSync(join(folder, 'disk.layer'), 'r+');
    writeSync(layer, Buffer.from([readFileSync(join(folder, 'disk.layer'))[4096]! ^ 1]), 0, 1, 4096);
    await refused(/images\/box\/disk\.layer: damaged: its SHA-256 is/);

    const manifest = await readManifest(folder);
    await writeManifest(folder, { ...manifest, qemu: '6.2.0' });
    await refused(/image box was frozen by QEMU 6\.2\.0, and this is 7\..*; freeze it again/);
    t.match(await image(state, 'list'), { status: 0, out: /^box: not usable: image box was frozen by QEMU 6\.2\.0/ });

    t.match(await image(state, 'rm', 'box'), { status: 0, out: 'image box is gone\n' });
    t.match(await image(state, 'rm', 'box'), { status: 1, err: /there is no image here/ });
    t.match(await image(state, 'list'), { status: 0, out: '', err: '' });
    t.same(readdirSync(join(state, 'images')), []);
  });
});

t.test('a disk is attached as the recipe says', { skip: noDisk }, async (t) => {
  const state = ownState(t);
  const file = join(state, 'box.recipe');
  writeFileSync(file, recipe({ disk: 'raw', bus: 'virtio', nic: 'virtio-net-pci', vga: 'none' }));
  t.match(await image(state, 'import', 'box', raw, '--recipe', file), { status: 0 });
  // A clone of it is tried, and its port must answer.
  t.match(await image(state, 'freeze', 'box'), { status: 0, out: /^box: / });
});

t.test('what is wrong is told in one line', { skip: noDisk }, async (t) => {
  const state = ownState(t);
  const file = join(state, 'box.recipe');
  writeFileSync(file, recipe());
  const refused = async (reason: RegExp, ...words: string[]) => {
    const { err, ...ended } = await image(state, ...words);
    t.match({ err, ...ended }, { status: 1, out: '', err: reason });
    t.notMatch(err.trimEnd(), '\n');
  };
  await refused(/expected a qcow2 disk, as its recipe says, not raw/, 'import', 'box', raw, '--recipe', file);
  await refused(/ENOENT.*none/, 'import', 'box', raw, '--recipe', join(state, 'none'));
  await refused(/there is no image to freeze/, 'freeze', 'box');
});
