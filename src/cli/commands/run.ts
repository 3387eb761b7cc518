import { Command, InvalidArgumentError, Option } from 'commander';
import { runDaemon } from '../../control/daemon.js';
import { DEFAULT_STALL } from '../../control/dataplane.js';
import { parseListen } from '../../control/http.js';
import { DEFAULT_STATE } from '../../farm/state.js';
import { MOST_WORKERS } from '../../packet/spread.js';
import { type Defines, load, takesGraph } from '../load.js';

interface Options {
  readonly define?: Defines;
  readonly workers: number;
  readonly netns?: string;
  readonly filter?: 'on' | 'off';
  readonly listen: string;
  readonly state: string;
  readonly events?: 'text' | 'json' | 'off';
  readonly stall: number;
  readonly seed?: bigint;
}

function workerCount(text: string): number {
  if (!/^[1-9]\d?$/.test(text) || Number(text) > MOST_WORKERS)
    throw new InvalidArgumentError(`It takes a whole number from 1 to ${MOST_WORKERS}.`);
  return Number(text);
}

function stallSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d{1,4}$/.test(text) || seconds < 3) throw new InvalidArgumentError('It takes a whole number from 3.');
  return seconds;
}

function seedNumber(text: string): bigint {
  if (!/^\d{1,20}$/.test(text)) throw new InvalidArgumentError('It takes a whole number from 0.');
  return BigInt.asUintN(64, BigInt(text));
}

/** potemkin run: runs a graph. */
export function run(): Command {
  return takesGraph(new Command('run'))
    .summary('runs a graph until a signal, or until its finite sources end')
    .description(
      `Runs a graph. It is checked first; if anything is wrong, nothing is started. The run ends with a signal (TERM or INT: queues are emptied and files closed; a second one ends it at once) or when all sources that can end, such as captures, have ended. The exit status is 1 if an element failed. SIGUSR1 stops export, as potemkin stop-export does; a stop outlives the run.`,
    )
    .option(
      '--workers <n>',
      'threads that handle packets, each those of its share of the addresses inside; a graph with clones has one',
      workerCount,
      1,
    )
    .option('--netns <name>', 'network namespace in which the graph opens its sockets (see ip-netns(8))')
    .addOption(
      new Option(
        '--filter <on|off>',
        'whether the kernel filters what leaves, too (nftables); the default is on for root where clones\u2019 packets leave',
      ).choices(['on', 'off']),
    )
    .option('--state <folder>', 'where images are, and what is captured of clones', DEFAULT_STATE)
    .option(
      '--listen <host:port>',
      'where to serve /metrics, /healthz, /export, /clones and /universes, or off',
      '127.0.0.1:9477',
    )
    .addOption(
      new Option(
        '--events [format]',
        'prints what happens, a line an event; the default is text on a terminal, else off',
      )
        .choices(['text', 'json', 'off'])
        .preset('text'),
    )
    .option('--stall <seconds>', 'a thread that stands still for so long stops export', stallSeconds, DEFAULT_STALL)
    .option('--seed <n>', 'seeds everything that looks random, so that a replay can be repeated', seedNumber)
    .addHelpText(
      'after',
      `
Examples:
  potemkin run config/farm.click -D LOCAL=192.0.2.2 -D ROUTER=192.0.2.1 --netns potemkin
  potemkin run replay.click --listen off --events json 2> events.jsonl
  curl http://127.0.0.1:9477/metrics`,
    )
    .action(async (file: string, options: Options, command: Command) => {
      const { workers, netns, filter, seed, stall, state } = options;
      const listen = parseListen(options.listen);
      const { source } = load(file, options.define);
      process.exitCode = await runDaemon({
        source,
        defines: options.define ?? {},
        state,
        stall,
        workers,
        ...(netns !== undefined && { netns }),
        ...(filter !== undefined && { filter }),
        ...(seed !== undefined && { seed }),
        listen,
        events: options.events ?? (process.stderr.isTTY ? 'text' : 'off'),
        version: command.parent?.version() ?? '',
        log: (line) => process.stderr.write(`${line}\n`),
      });
    });
}
