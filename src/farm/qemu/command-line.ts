import type { DiskFormat, Recipe } from '../image/recipe.js';
import { GATEWAY_MAC } from '../wire.js';
import type { Accelerator } from './accelerator.js';
import type { Shown } from './launcher.js';

export const QEMU = '/usr/bin/qemu-system-x86_64';

/**
 * Descriptors that a machine inherits, by their numbers in it: it gets no paths. Kernel and initramfs are there only where
 * it has them; the layers of its disk come behind, the base first.
 */
export const FD = { memory: 3, qmp: 4, serial: 5, nic: 6, state: 7, kernel: 8, initramfs: 9 } as const;

/** The hardware address that all machines of all images have until an agent gives them one of their own. */
export const FROZEN_MAC = Uint8Array.of(...GATEWAY_MAC.subarray(0, 5), 2);

/** What of a machine is the same in its reference and in all of its clones: QEMU restores only into the same machine. */
export interface Hardware extends Pick<Recipe, 'memory' | 'machine' | 'cpu' | 'nic' | 'vga' | 'bus' | 'smbios'> {
  readonly accelerator: Accelerator;
  /** Booted from a kernel and an initramfs, not from a disk. */
  readonly kernel: boolean;
  /** Formats of its disk's layers, the base first; empty if it has none. */
  readonly disks: readonly DiskFormat[];
}

/** What of the host's files QEMU sees. */
export function shownToQemu(accelerator: Accelerator): Shown {
  return {
    data: ['/usr/share/qemu', '/usr/share/seabios', '/etc/ld.so.cache'],
    programs: [QEMU, '/lib64', '/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu'],
    devices: ['/dev/null', '/dev/urandom', ...(accelerator === 'kvm' ? ['/dev/kvm'] : [])],
  };
}

/** What system calls QEMU may still make: see `-sandbox` in qemu(1). */
const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';

/** A graphics adapter needs no program to draw on: it is never looked at. */
const ADAPTERS = { none: [], std: ['-device', 'VGA'], cirrus: ['-device', 'cirrus-vga'] } as const;
const DRIVES = { ide: 'ide-hd', virtio: 'virtio-blk-pci' } as const;

/** Threads of QEMU that read and write its disk. A guest that asks for more at once would meet the limit of processes. */
const DISK_THREADS = 'main-loop,id=loop,thread-pool-max=8';

const path = (fd: number) => `/proc/self/fd/${fd}`;

/** A disk of layers, each on the one before; only the last is written to. Nothing guesses the form of any. */
function disk({ kernel, disks, bus }: Hardware): string[] {
  const first = kernel ? FD.initramfs + 1 : FD.kernel;
  const top = disks.length - 1;
  const layers = disks.flatMap((format, i) => {
    const mode = `read-only=${i === top ? 'off' : 'on'}`;
    const below = i > 0 ? `,backing=disk${i - 1}` : '';
    return [
      ...['-add-fd', `fd=${first + i},set=${i + 1}`],
      ...['-blockdev', `driver=file,node-name=file${i},filename=/dev/fdset/${i + 1},locking=off,${mode}`],
      ...['-blockdev', `driver=${format},node-name=disk${i},file=file${i},${mode}${below}`],
    ];
  });
  return top < 0 ? [] : ['-object', DISK_THREADS, ...layers, '-device', `${DRIVES[bus]},drive=disk${top}`];
}

function hardware(shape: Hardware, share: boolean): string[] {
  const { memory, machine, cpu, nic, vga, smbios, accelerator, kernel } = shape;
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-sandbox', SANDBOX],
    ...[
      '-machine',
      `${machine},accel=${accelerator},memory-backend=memory,vmport=off`,
      '-cpu',
      cpu,
      '-m',
      `${memory >> 20}M`,
    ],
    ...[
      '-object',
      `memory-backend-file,id=memory,size=${memory},mem-path=${path(FD.memory)},share=${share ? 'on' : 'off'}`,
    ],
    ...['-chardev', `socket,id=qmp,fd=${FD.qmp}`, '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', `socket,id=serial,fd=${FD.serial}`, '-serial', 'chardev:serial'],
    ...['-netdev', `dgram,id=nic,local.type=fd,local.str=${FD.nic}`],
    ...[
      '-device',
      `${nic},netdev=nic,romfile=,mac=${[...FROZEN_MAC].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`,
    ],
    ...ADAPTERS[vga],
    ...smbios.flatMap((text: string) => ['-smbios', text]),
    ...(kernel ? ['-kernel', path(FD.kernel), '-initrd', path(FD.initramfs)] : []),
    ...disk(shape),
  ];
}

/** A machine that boots and is to be frozen: its memory is the file itself. */
export function referenceArguments(shape: Hardware, append: string): string[] {
  return [...hardware(shape, true), ...(shape.kernel ? ['-append', append] : [])];
}

/** A clone: its memory is a private copy of the file, its devices wait to be restored, and it stands still. */
export function cloneArguments(shape: Hardware): string[] {
  return [...hardware(shape, false), '-S', '-incoming', 'defer'];
}
