import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { Failure } from '../../control/failure.js';
import { FILES } from '../../farm/capture.js';
import { PoolError } from '../../farm/pool-error.js';
import { restoreMemory } from '../../farm/restore.js';
import { imageMemory } from '../../farm/state.js';
import { Progress } from '../progress.js';
import { findCapture, stored } from '../stored.js';

interface Options {
  readonly output: string;
  readonly state: string;
  readonly memory?: string;
}

/** potemkin clones restore-memory: the whole memory of a captured clone. */
export function restoreMemoryCommand(): Command {
  return stored(new Command('restore-memory'))
    .summary('rebuilds the memory of a captured clone')
    .description(
      `Rebuilds the memory that a captured clone had, from its delta and its image's frozen memory: a raw picture of the guest's physical memory. The image is checked against the hash in the capture first, and the delta against its own. A file that exists is not overwritten. What is zero becomes a hole of the file.`,
    )
    .argument('<capture>', 'name of a capture, or the path of its folder')
    .requiredOption('-o, --output <file>', 'the new file')
    .option('--memory <file>', "the image's frozen memory, if it is not where the daemon keeps it")
    .addHelpText(
      'after',
      `
Examples:
  potemkin captures list
  potemkin clones restore-memory 20250102T030405.678Z-u3-c7-10.99.7.7 -o memory.raw
  potemkin clones restore-memory ./copied-capture --memory ./image/memory -o memory.raw`,
    )
    .action(async (capture: string, { output, state, memory }: Options) => {
      const { folder, record } = await findCapture(capture, state);
      if (!record.memory || !record.image) throw new Failure(`${folder} holds no memory: it is of a ${record.kind}`);
      const { name } = record.image;
      if (memory === undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) {
        throw new Failure(`${folder}: '${name}' is no name of an image; say with --memory where its memory is`);
      }
      const frozen = memory ?? imageMemory(state, name);
      if (!existsSync(frozen)) throw new Failure(`${frozen}: the frozen memory of image '${name}' is not there`);
      if (existsSync(output)) throw new Failure(`${output} exists; it is not overwritten`);
      const progress = new Progress();
      try {
        await restoreMemory({
          memory: frozen,
          delta: join(folder, FILES.memory),
          output,
          progress: (step, done, total) =>
            progress.tell(step === 'checking' ? 'checking the image' : 'writing', done, total),
        });
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (!(error instanceof PoolError) && code === undefined) throw error;
        throw new Failure(`${folder}: ${(error as Error).message}`);
      } finally {
        progress.end();
      }
      console.log(`${output}: the memory of clone ${record.clone?.clone} (${record.clone?.address})`);
    });
}
