import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { commandLine, parseRecipe, RecipeError } from '../../../../src/farm/image/recipe.js';
import { parseAddress } from '../../../../src/packet/address.js';

const folder = new URL('../../../../../config/images/', import.meta.url);

/** The least that a recipe must say. */
const LINUX = 'kernel debian\ninitramfs linux\nidentity agent\naddress 10.0.0.2/24 gateway 10.0.0.1\nready tcp 80\n';
const DISK = 'disk qcow2\nidentity translate\naddress 10.0.0.2/24 gateway 10.0.0.1\nready after 60\n';

function mistakes(text: string): string[] {
  try {
    parseRecipe(text, 'x.recipe');
  } catch (error) {
    if (error instanceof RecipeError) return error.message.split('\n');
    throw error;
  }
  return [];
}

t.test('every shipped recipe is right', (t) => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.recipe'));
  t.ok(names.includes('linux.recipe'));
  for (const name of names) parseRecipe(readFileSync(new URL(name, folder), 'utf8'), name);
  t.end();
});

t.test('the Linux server', (t) => {
  const recipe = parseRecipe(readFileSync(new URL('linux.recipe', folder), 'utf8'), 'linux.recipe');
  t.match(recipe, {
    ...{ memory: 128 * 2 ** 20, machine: 'pc', nic: 'e1000', identity: 'agent', disk: undefined },
    linux: { initramfs: 'linux' },
    ready: { kind: 'console', text: 'ready' },
  });
  t.same(recipe.files.at(-1), {
    path: '/etc/dropbear/dropbear_ed25519_host_key',
    content: 'ssh-ed25519',
    mode: 0o600,
  });
  t.match(commandLine(recipe), /^console=ttyS0 .* address=10\.0\.0\.2\/24 gateway=10\.0\.0\.1$/);
  t.end();
});

t.test('what is not said', (t) => {
  t.same(parseRecipe(`# nothing else\n${LINUX}`, 'x.recipe'), {
    ...{ memory: 128 * 2 ** 20, machine: 'pc', cpu: 'qemu64', nic: 'e1000', smbios: [] },
    ...{ linux: { initramfs: 'linux', append: '' }, disk: undefined, identity: 'agent' },
    ...{ bus: 'ide', vga: 'none' },
    address: { address: parseAddress('10.0.0.2'), length: 24, gateway: parseAddress('10.0.0.1') },
    ...{ ready: { kind: 'tcp', port: 80 }, files: [], warm: [], timeout: 120 },
  });
  t.end();
});

t.test('a machine with a disk', (t) => {
  const more =
    'memory 1G\nmachine q35\nnic rtl8139\nsmbios "type=1,product=a \\"b\\""\nsmbios "type=3"\nwarm tcp 135 445\n';
  t.match(parseRecipe(`${DISK}${more}timeout 600`, 'x.recipe'), {
    ...{ memory: 2 ** 30, machine: 'q35', nic: 'rtl8139', smbios: ['type=1,product=a "b"', 'type=3'] },
    ...{
      linux: undefined,
      disk: 'qcow2',
      bus: 'ide',
      vga: 'none',
      identity: 'translate',
      warm: [135, 445],
      timeout: 600,
    },
    ready: { kind: 'after', seconds: 60 },
  });
  const virtio = `${DISK.replace('qcow2', 'raw')}bus virtio\nvga cirrus`;
  t.match(parseRecipe(virtio, 'x'), { disk: 'raw', bus: 'virtio', vga: 'cirrus' });
  t.end();
});

t.test('mistakes say where, what was expected and what came', (t) => {
  const cases: [string, string | RegExp][] = [
    ['memory 128', "1:8: expected a size from 1M to 64G, not '128'"],
    ['memory 128M 1', "1:13: 'memory' takes no more than this"],
    ['  colour red', /^1:3: unknown key 'colour'; valid are memory, machine, cpu, /],
    ['machine mac', "1:9: unknown machine 'mac'; valid are pc, q35"],
    ['cpu -host', "1:5: expected the name of a processor such as qemu64, not '-host'"],
    ['cpu host,x', "1:9: 'cpu' takes no more than this"],
    ['nic', '1:4: expected NIC: e1000, rtl8139, virtio-net-pci'],
    ['smbios type=1', '1:8: expected what follows -smbios in "quotes"'],
    ['kernel mine', "1:8: unknown kernel 'mine'; valid are debian"],
    ['initramfs ../x', "1:11: expected the name of a folder in guest/, not '../x'"],
    ['append "x', '1:8: this text has no closing "'],
    ['disk xp.qcow2', "1:6: unknown form of a disk 'xp.qcow2'; valid are raw, qcow2"],
    ['bus scsi', "1:5: unknown bus 'scsi'; valid are ide, virtio"],
    ['vga yes', "1:5: unknown graphics adapter 'yes'; valid are none, std, cirrus"],
    ['identity fake', "1:10: unknown way to an identity 'fake'; valid are agent, translate"],
    ['address 10.0.0.2', "1:9: expected an address such as 10.0.0.2/24, not '10.0.0.2'"],
    ['address 10.0.0.2/33 gateway 10.0.0.1', "1:9: expected an address such as 10.0.0.2/24, not '10.0.0.2/33'"],
    ['address 10.0.0.2/24 10.0.0.1', "1:21: expected the word 'gateway'"],
    ['address 10.0.0.2/24 gateway me', "1:29: expected the gateway's address, not 'me'"],
    ['ready soon', "1:7: unknown sign of readiness 'soon'; valid are console, tcp, after"],
    ['ready after 0', "1:13: expected seconds, a number from 1 to 3600, not '0'"],
    ['file etc/hostname hostname', "1:6: expected the path of a file, not 'etc/hostname'"],
    ['file /a password', "1:9: unknown content 'password'; valid are hostname, machine-id, ssh-ed25519"],
    ['file /a hostname mode 888', "1:23: expected permissions such as 644, not '888'"],
    ['file /a hostname\nfile /a machine-id', '2:6: /a is given twice'],
    ['warm tcp', '1:9: expected a port, a number from 1 to 65535'],
    ['warm udp 53', "1:6: unknown protocol 'udp'; valid are tcp"],
    ['timeout 1\ntimeout 2', "2:1: 'timeout' is given twice"],
  ];
  for (const [text, expected] of cases) {
    const [first, ...more] = mistakes(text);
    t.same(more, [], text);
    t.match(first?.replace(/^x\.recipe:/, ''), expected, text);
  }
  t.same(mistakes('memory x\nnic x').length, 2, 'all of them are told');
  t.end();
});

t.test('what does not make a machine', (t) => {
  const without = (key: string, text = LINUX) => text.replace(new RegExp(`^${key} .*\\n`, 'm'), '');
  const cases: [string, string[]][] = [
    [without('address'), ["4:1: expected 'address'"]],
    [without('ready', without('identity')), ["3:1: expected 'identity'", "3:1: expected 'ready'"]],
    [without('initramfs'), ["4:1: 'kernel' and 'initramfs' go together"]],
    [without('disk', DISK), ["3:1: expected 'kernel' and 'initramfs', or 'disk'"]],
    [`${DISK}append "quiet"`, ["5:1: 'append' is for a 'kernel'"]],
    [`${DISK}file /etc/hostname hostname`, ["5:1: a 'file' needs 'identity agent'"]],
  ];
  for (const [text, expected] of cases)
    t.same(
      mistakes(text),
      expected.map((each) => `x.recipe:${each}`),
      text,
    );
  t.end();
});
