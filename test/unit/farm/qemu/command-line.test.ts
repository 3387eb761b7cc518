import t from 'tap';
import { cloneArguments, FD, type Hardware, referenceArguments } from '../../../../src/farm/qemu/command-line.js';

const shape: Hardware = {
  ...{ memory: 64 * 2 ** 20, machine: 'pc', cpu: 'qemu64', nic: 'e1000', vga: 'none', bus: 'ide', smbios: [] },
  ...{ accelerator: 'tcg', kernel: false, disks: ['raw', 'qcow2', 'qcow2'] },
};

/** The values of an option. */
const values = (args: readonly string[], option: string) => args.filter((_, i) => args[i - 1] === option);

t.test('only the top layer of a disk is written to, and the form of each is said', async (t) => {
  const args = cloneArguments(shape);
  t.same(values(args, '-add-fd'), [`fd=${FD.state + 1},set=1`, `fd=${FD.state + 2},set=2`, `fd=${FD.state + 3},set=3`]);
  const [file0, disk0, file1, disk1, file2, disk2] = values(args, '-blockdev');
  for (const [i, file] of [file0, file1, file2].entries())
    t.match(file, `node-name=file${i},filename=/dev/fdset/${i + 1}`);
  t.match(disk0, /^driver=raw,node-name=disk0,file=file0,read-only=on$/);
  t.match(disk1, /^driver=qcow2,node-name=disk1,file=file1,read-only=on,backing=disk0$/);
  t.match(disk2, /^driver=qcow2,node-name=disk2,file=file2,read-only=off,backing=disk1$/);
  t.match([file0, file1], [/,read-only=on$/, /,read-only=on$/]);
  t.match(file2, /,read-only=off$/);
  t.ok(args.includes('ide-hd,drive=disk2'));
});

t.test('a disk beside a kernel comes behind it, and a machine without has none', async (t) => {
  const beside = referenceArguments({ ...shape, kernel: true, bus: 'virtio', disks: ['qcow2', 'qcow2'] }, 'quiet');
  t.same(values(beside, '-add-fd'), [`fd=${FD.initramfs + 1},set=1`, `fd=${FD.initramfs + 2},set=2`]);
  t.ok(beside.includes('virtio-blk-pci,drive=disk1'));
  const without = cloneArguments({ ...shape, kernel: true, disks: [] });
  t.notMatch(without.join(' '), /blockdev|fdset|drive|thread-pool/);
});

t.test('a clone has the devices of its reference', async (t) => {
  const { disks, ...rest } = shape;
  const reference = referenceArguments({ ...rest, vga: 'cirrus', disks: disks.slice(0, 2) }, '');
  const clone = cloneArguments({ ...shape, vga: 'cirrus' });
  const devices = (args: readonly string[]) =>
    values(args, '-device').map((device) => device.replace(/disk\d/, 'disk'));
  t.same(devices(clone), devices(reference));
  t.ok(devices(clone).includes('cirrus-vga'));
});
