import { Command } from 'commander';
import { Failure } from '../../control/failure.js';
import { buildImage, ensureImage, freezeImage, importImage } from '../../farm/image/make.js';
import type { Manifest } from '../../farm/image/manifest.js';
import { ImageStore } from '../../farm/image/store.js';
import { checkVersion, qemuVersion } from '../../farm/qemu/version.js';
import { DEFAULT_STATE } from '../../farm/state.js';

interface StateOption {
  readonly state: string;
}

function command(name: string, description: string): Command {
  return new Command(name)
    .summary(description)
    .description(`${description[0]!.toUpperCase()}${description.slice(1)}.`)
    .option('--state <folder>', 'where images are, and all that outlives a run', DEFAULT_STATE);
}

/** Errors that tell of a mistake in this program. All others tell what is wrong with an image, a file or the machine. */
const BUGS = [TypeError, RangeError, ReferenceError, SyntaxError];

/** What a command does, whose errors are for the person at the terminal. */
function doing<A extends unknown[]>(action: (...words: A) => Promise<void>): (...words: A) => Promise<void> {
  return async (...words) => {
    try {
      await action(...words);
    } catch (error) {
      if (!(error instanceof Error) || BUGS.some((bug) => error instanceof bug)) throw error;
      throw new Failure(error.message);
    }
  };
}

/** Progress goes to standard error, so that standard output has the result only. */
const say = (line: string) => process.stderr.write(`${line}\n`);

const recipeOf = (name: string) => `config/images/${name}.recipe`;

const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

function describe({ name, frozen, qemu, hardware, identity, baseline }: Manifest): string {
  const { memory, accelerator, machine } = hardware;
  const parts = [`${mib(memory)} memory`, `${machine} under ${accelerator}`, `identity by ${identity}`];
  return `${name}: ${parts.join(', ')}, frozen ${frozen} by QEMU ${qemu}; a clone at rest differs by ${mib(baseline.delta)}`;
}

/** potemkin image: reference machines, which clones are made of. */
export function image(): Command {
  const build = command('build', 'gathers what a machine boots from, as a recipe says')
    .argument('<name>', 'the image')
    .option('--recipe <file>', 'the recipe (config/images/NAME.recipe)')
    .action(
      doing(async (name: string, { state, recipe = recipeOf(name) }: StateOption & { recipe?: string }) => {
        await buildImage(new ImageStore(state), name, recipe, say);
        console.log(`image ${name} is built; freeze it with: potemkin image freeze ${name} --state ${state}`);
      }),
    );
  const take = command('import', "takes in a disk of one's own: raw or qcow2, of whatever system")
    .argument('<name>', 'the image')
    .argument('<disk>', 'the disk, which is copied')
    .requiredOption('--recipe <file>', 'the recipe: see config/images/disk.recipe')
    .action(
      doing(async (name: string, disk: string, { state, recipe }: StateOption & { recipe: string }) => {
        await importImage(new ImageStore(state), name, recipe, disk, say);
        console.log(`image ${name} is there; freeze it with: potemkin image freeze ${name} --state ${state}`);
      }),
    );
  const freeze = command('freeze', 'boots an image, waits until it is ready, freezes it, and tries a clone')
    .argument('<name>', 'the image')
    .action(
      doing(async (name: string, { state }: StateOption) => {
        console.log(describe(await freezeImage(new ImageStore(state), name, say)));
      }),
    );
  const ensure = command('ensure', 'builds and freezes an image, unless it is there and as its recipe says')
    .argument('<name>', 'the image')
    .option('--recipe <file>', 'the recipe (config/images/NAME.recipe)')
    .action(
      doing(async (name: string, { state, recipe = recipeOf(name) }: StateOption & { recipe?: string }) => {
        console.log(describe(await ensureImage(new ImageStore(state), name, recipe, say)));
      }),
    );
  const list = command('list', 'lists the images').action(
    doing(async ({ state }: StateOption) => {
      const store = new ImageStore(state);
      const qemu = await qemuVersion();
      for (const name of await store.names()) {
        const usable = (manifest: Manifest) => {
          checkVersion(manifest, qemu);
          return describe(manifest);
        };
        const not = ({ message }: Error) => `${name}: not usable: ${message}`;
        console.log(await store.read(name).then(usable).catch(not));
      }
    }),
  );
  const verify = command('verify', 'reads all of an image and says what is wrong with it')
    .argument('<name>', 'the image')
    .action(
      doing(async (name: string, { state }: StateOption) => {
        const manifest = await new ImageStore(state).verify(name, await qemuVersion());
        console.log(`${describe(manifest)}; nothing is wrong with it`);
      }),
    );
  const remove = command('rm', 'removes an image')
    .argument('<name>', 'the image')
    .action(
      doing(async (name: string, { state }: StateOption) => {
        await new ImageStore(state).remove(name);
        console.log(`image ${name} is gone`);
      }),
    );
  return new Command('image')
    .summary('builds, imports, freezes, lists, verifies and removes reference machines')
    .description(
      'A reference machine is booted once and frozen: memory, devices and disk in one pause. Clones are restored from it in milliseconds. A recipe says what the machine is; config/images/ has them.',
    )
    .addHelpText(
      'after',
      `
Examples:
  potemkin image ensure linux
  potemkin image build linux && potemkin image freeze linux
  potemkin image import xp winxp.qcow2 --recipe xp.recipe && potemkin image freeze xp
  potemkin image verify linux`,
    )
    .addCommand(build)
    .addCommand(take)
    .addCommand(freeze)
    .addCommand(ensure)
    .addCommand(list)
    .addCommand(verify)
    .addCommand(remove);
}
