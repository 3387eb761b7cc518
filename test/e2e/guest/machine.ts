/** One reference machine, made by its recipe, whose NIC is a TAP device of a namespace and whose memory is a file. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { buildInitramfs } from '../../../src/farm/image/build.js';
import { commandLine, parseRecipe } from '../../../src/farm/image/recipe.js';
import { QEMU } from './boot.js';
import { MailboxInFile } from './mailbox.js';

export interface ReferenceMachine {
  readonly mailbox: MailboxInFile;
  /** What the agent answers to `report`, a line each. */
  report(): Promise<string[]>;
}

/** Boots what config/images/NAME.recipe says. It is gone at the end of the test. */
export async function startMachine(t: Test, name: string, netns: string, tap: string): Promise<ReferenceMachine> {
  const file = `config/images/${name}.recipe`;
  const recipe = parseRecipe(readFileSync(file, 'utf8'), file);
  const { kernel, initramfs } = await buildInitramfs(recipe, { progress: (line) => t.comment(line) });
  const memory = join(t.testdir({}), 'memory');
  const backend = `memory-backend-file,id=memory,size=${recipe.memory},mem-path=${memory},share=on`;
  const machine = ['-machine', `${recipe.machine},accel=tcg,vmport=off,memory-backend=memory`, '-object', backend];
  const hardware = [
    '-cpu',
    recipe.cpu,
    '-m',
    `${recipe.memory / 2 ** 20}M`,
    ...recipe.smbios.flatMap((text) => ['-smbios', text]),
  ];
  const bare = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'];
  const linux = ['-kernel', kernel, '-initrd', initramfs, '-append', commandLine(recipe)];
  const network = [
    '-netdev',
    `tap,id=net,ifname=${tap},script=no,downscript=no`,
    '-device',
    `${recipe.nic},netdev=net,romfile=`,
  ];
  const child = spawn('ip', ['netns', 'exec', netns, QEMU, ...machine, ...hardware, ...bare, ...linux, ...network], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });

  let console = '';
  let look = () => {};
  child.stdout.setEncoding('latin1').on('data', (piece: string) => {
    console += piece;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    console += piece;
  });
  /** What the console says up to this line. */
  const until = (line: string, seconds: number) =>
    new Promise<string[]>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${why} before '${line}'; the console says:\n${console}`));
      const timer = setTimeout(() => fail(`${seconds} s went by`), seconds * 1000);
      void ended.then(() => fail('QEMU ended'));
      look = () => {
        const lines = console.split(/\r*\n/);
        const at = lines.indexOf(line);
        if (at < 0) return;
        clearTimeout(timer);
        console = lines.slice(at + 1).join('\n');
        resolve(lines.slice(0, at));
      };
      look();
    });

  if (recipe.ready.kind !== 'console') throw new Error(`${file}: expected 'ready console'`);
  await until(recipe.ready.text, recipe.timeout);
  const mailbox = new MailboxInFile(memory);
  t.teardown(() => mailbox.close());
  return {
    mailbox,
    report() {
      child.stdin.write('report\n');
      return until('end', 30);
    },
  };
}
