import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeFile, type Manifest, writeManifest } from '../../../../src/farm/image/manifest.js';
import { digestSources, sourcesIn } from '../../../../src/farm/image/source.js';

export const QEMU = '7.2.22 (Debian)';

/** A recipe for a disk; with these lines in place of others. */
export const recipe = (disk: string) => `memory 64M
disk ${disk}
identity translate
address 10.0.0.2/24 gateway 10.0.0.1
ready after 1
`;

/** Lays down what a frozen image consists of. None of it could be restored. */
export async function layDown(folder: string, name: string): Promise<Manifest> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'recipe'), recipe('raw'));
  for (const part of ['disk', 'disk.layer', 'disk.empty', 'memory', 'state'])
    writeFileSync(join(folder, part), `what is in ${part}`.padEnd(4096));
  const describe = (part: string) => describeFile(folder, part);
  const manifest: Manifest = {
    name,
    frozen: '2025-01-02T03:04:05.678Z',
    source: await digestSources(sourcesIn(folder)),
    qemu: QEMU,
    processor: 'a processor',
    hardware: {
      ...{ memory: 64 * 2 ** 20, machine: 'pc', cpu: 'qemu64', nic: 'e1000', vga: 'none', bus: 'ide', smbios: [] },
      ...{ accelerator: 'tcg', kernel: false, disks: ['raw', 'qcow2', 'qcow2'] },
    },
    identity: 'translate',
    address: { address: 0x0a000002, length: 24, gateway: 0x0a000001 },
    files: [],
    warm: [80],
    mailbox: undefined,
    memory: await describe('memory'),
    state: await describe('state'),
    disks: await Promise.all(['disk', 'disk.layer', 'disk.empty'].map(describe)),
    stub: undefined,
    baseline: { delta: 4096 },
  };
  await writeManifest(folder, manifest);
  return manifest;
}
