import { formatAddress, parseAddress } from '../../packet/address.js';
import { type Keys, readStatements } from '../statements.js';
import { type Line, Mistake } from '../words.js';

const MACHINES = ['pc', 'q35'] as const;
const DISKS = ['raw', 'qcow2'] as const;
const BUSES = ['ide', 'virtio'] as const;
const DISPLAYS = ['none', 'std', 'cirrus'] as const;
const NICS = ['e1000', 'rtl8139', 'virtio-net-pci'] as const;
const IDENTITIES = ['agent', 'translate'] as const;
const CONTENTS = ['hostname', 'machine-id', 'ssh-ed25519'] as const;

export type Nic = (typeof NICS)[number];
export type DiskFormat = (typeof DISKS)[number];

/** A file that differs from clone to clone. */
export interface IdentityFile {
  readonly path: string;
  readonly content: (typeof CONTENTS)[number];
  /** Permissions, as in chmod(2). */
  readonly mode: number;
}

/** How it is known that a machine has booted. */
export type Ready =
  | { readonly kind: 'console'; readonly text: string }
  | { readonly kind: 'tcp'; readonly port: number }
  | { readonly kind: 'after'; readonly seconds: number };

/** A reference machine: its hardware, how it boots, and how its clones become different from each other. */
export interface Recipe {
  /** Bytes. */
  readonly memory: number;
  readonly machine: (typeof MACHINES)[number];
  readonly cpu: string;
  readonly nic: Nic;
  /** Values of QEMU's option -smbios. */
  readonly smbios: readonly string[];
  /** A kernel and an initramfs, which is packed from the folder of guest/ of this name. */
  readonly linux: { readonly initramfs: string; readonly append: string } | undefined;
  /** The form of the disk that is imported, which nobody guesses from what is in it: a guest can write anything there. */
  readonly disk: DiskFormat | undefined;
  /** What its disk is attached to. */
  readonly bus: (typeof BUSES)[number];
  /** A graphics adapter, which some systems do not boot without. */
  readonly vga: (typeof DISPLAYS)[number];
  /** Who makes a clone answer for its address: the agent in it, or the gateway by translation. */
  readonly identity: (typeof IDENTITIES)[number];
  /** What the machine has while it is frozen. Addresses in host byte order. */
  readonly address: { readonly address: number; readonly length: number; readonly gateway: number };
  readonly ready: Ready;
  readonly files: readonly IdentityFile[];
  /** TCP ports that are contacted while a standby clone is warmed up. */
  readonly warm: readonly number[];
  /** Seconds that the boot may take. */
  readonly timeout: number;
}

/** Everything that is wrong with a recipe: lines of `file:line:column: message`. */
export class RecipeError extends Error {}

interface Draft {
  memory: number;
  machine: Recipe['machine'];
  cpu: string;
  nic: Nic;
  readonly smbios: string[];
  kernel: boolean;
  initramfs: string | undefined;
  append: string;
  disk: Recipe['disk'];
  bus: Recipe['bus'];
  vga: Recipe['vga'];
  identity: Recipe['identity'] | undefined;
  address: Recipe['address'] | undefined;
  ready: Ready | undefined;
  readonly files: IdentityFile[];
  warm: number[];
  timeout: number;
}

const TEXT = 1024;

/** A word of a form; `expected` says which. */
function formed(line: Line, expected: string, form: RegExp): string {
  const { column } = line;
  const word = line.word(expected);
  if (!form.test(word)) throw new Mistake(column, `expected ${expected}, not '${word}'`);
  return word;
}

function address(line: Line, expected: string): number {
  const { column } = line;
  const word = line.word(expected);
  const value = parseAddress(word);
  if (value === undefined) throw new Mistake(column, `expected ${expected}, not '${word}'`);
  return value;
}

/** How each key of a recipe reads the rest of its line. */
const KEYS: Keys<Draft> = {
  memory: (draft, line) => {
    draft.memory = line.size();
  },
  machine: (draft, line) => {
    draft.machine = line.choice(MACHINES, 'machine');
  },
  cpu: (draft, line) => {
    draft.cpu = formed(line, 'the name of a processor such as qemu64', /^[A-Za-z0-9][\w.-]*$/);
  },
  nic: (draft, line) => {
    draft.nic = line.choice(NICS, 'NIC');
  },
  smbios: (draft, line) => {
    draft.smbios.push(line.text('what follows -smbios', TEXT));
  },
  kernel: (draft, line) => {
    line.choice(['debian'], 'kernel');
    draft.kernel = true;
  },
  initramfs: (draft, line) => {
    draft.initramfs = formed(line, 'the name of a folder in guest/', /^[a-z0-9][a-z0-9-]*$/);
  },
  append: (draft, line) => {
    draft.append = line.text('words for the kernel', TEXT);
  },
  disk: (draft, line) => {
    draft.disk = line.choice(DISKS, 'form of a disk');
  },
  bus: (draft, line) => {
    draft.bus = line.choice(BUSES, 'bus');
  },
  vga: (draft, line) => {
    draft.vga = line.choice(DISPLAYS, 'graphics adapter');
  },
  identity: (draft, line) => {
    draft.identity = line.choice(IDENTITIES, 'way to an identity');
  },
  address: (draft, line) => {
    const { column } = line;
    const word = line.word('an address such as 10.0.0.2/24');
    const [head, tail] = word.split(/\/(?=\d{1,2}$)/);
    const own = parseAddress(head!);
    const length = Number(tail);
    if (own === undefined || !(length >= 1 && length <= 32)) {
      throw new Mistake(column, `expected an address such as 10.0.0.2/24, not '${word}'`);
    }
    if (!line.skip('gateway')) throw new Mistake(line.column, "expected the word 'gateway'");
    draft.address = { address: own, length, gateway: address(line, "the gateway's address") };
  },
  ready: (draft, line) => {
    const kind = line.choice(['console', 'tcp', 'after'], 'sign of readiness');
    if (kind === 'console') draft.ready = { kind, text: line.text('what the console says', 255) };
    else if (kind === 'tcp') draft.ready = { kind, port: line.number('a port', 1, 65535) };
    else draft.ready = { kind, seconds: line.number('seconds', 1, 3600) };
  },
  file: (draft, line) => {
    const { column } = line;
    const path = formed(line, 'the path of a file', /^\/[^"]{1,254}$/);
    if (draft.files.some((file) => file.path === path)) throw new Mistake(column, `${path} is given twice`);
    const content = line.choice(CONTENTS, 'content');
    const mode = line.skip('mode') ? formed(line, 'permissions such as 644', /^[0-7]{3,4}$/) : '644';
    draft.files.push({ path, content, mode: Number.parseInt(mode, 8) });
  },
  warm: (draft, line) => {
    line.choice(['tcp'], 'protocol');
    do draft.warm.push(line.number('a port', 1, 65535));
    while (!line.done);
  },
  timeout: (draft, line) => {
    draft.timeout = line.number('seconds', 1, 3600);
  },
};

/** Keys that may come more than once. */
const REPEATED = ['smbios', 'file'];

/** What must be there and is not, or does not go together. */
function lacks(draft: Draft): string[] {
  const lack: string[] = [];
  if (draft.kernel !== (draft.initramfs !== undefined)) lack.push("'kernel' and 'initramfs' go together");
  if (!draft.kernel && draft.disk === undefined) lack.push("expected 'kernel' and 'initramfs', or 'disk'");
  if (!draft.kernel && draft.append !== '') lack.push("'append' is for a 'kernel'");
  for (const key of ['identity', 'address', 'ready'] as const) if (!draft[key]) lack.push(`expected '${key}'`);
  if (draft.identity === 'translate' && draft.files.length > 0) lack.push("a 'file' needs 'identity agent'");
  return lack;
}

/**
 * Reads the recipe of an image: a statement a line, `#` begins a comment. config/images/linux.recipe shows them all.
 * What is wrong with the whole of it is told with the number of the last line.
 * @throws RecipeError.
 */
export function parseRecipe(text: string, file: string): Recipe {
  const draft: Draft = {
    memory: 128 * 2 ** 20,
    machine: 'pc',
    cpu: 'qemu64',
    nic: 'e1000',
    smbios: [],
    kernel: false,
    initramfs: undefined,
    append: '',
    disk: undefined,
    bus: 'ide',
    vga: 'none',
    identity: undefined,
    address: undefined,
    ready: undefined,
    files: [],
    warm: [],
    timeout: 120,
  };
  const errors = readStatements(text, file, KEYS, REPEATED, draft);
  const end = text.trimEnd().split('\n').length;
  if (errors.length === 0) errors.push(...lacks(draft).map((lack) => `${file}:${end}:1: ${lack}`));
  if (errors.length > 0) throw new RecipeError(errors.join('\n'));
  const { kernel: _, initramfs, append, ...rest } = draft;
  return {
    ...rest,
    linux: initramfs === undefined ? undefined : { initramfs, append },
    identity: draft.identity!,
    address: draft.address!,
    ready: draft.ready!,
  };
}

/** The kernel's command line: the address goes to /init that way. */
export function commandLine({ linux, address: { address, length, gateway } }: Recipe): string {
  return [linux?.append, `address=${formatAddress(address)}/${length}`, `gateway=${formatAddress(gateway)}`]
    .filter((word) => word)
    .join(' ');
}
