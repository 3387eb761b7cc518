import { type Command, InvalidArgumentError } from 'commander';
import { Failure } from '../control/failure.js';
import { checkSource, readSource } from '../control/graph-file.js';
import type { CheckedGraph, Source } from '../pipeline/check.js';
import { formatDiagnostic } from '../pipeline/click/diagnostics.js';

export type Defines = Readonly<Record<string, string>>;

/** The argument and the option of every command that reads a graph. */
export function takesGraph(command: Command): Command {
  return command
    .argument('<graph>', 'file in the Click language; - reads standard input')
    .option(
      '-D, --define <name=value>',
      'sets a variable of the graph; may be given again',
      (text: string, defines: Defines = {}) => {
        const match = /^\$?([A-Za-z0-9_]+)=([\s\S]*)$/.exec(text);
        if (!match) throw new InvalidArgumentError("It takes NAME=VALUE, such as 'LOCAL=192.0.2.2'.");
        return { ...defines, [match[1]!]: match[2]! };
      },
    );
}

/**
 * Reads and checks a graph, and prints what is wrong with it.
 * @throws {Failure} if it cannot run
 */
export function load(file: string, defines: Defines = {}): { source: Source; graph: CheckedGraph } {
  const source = readSource(file);
  const { graph, diagnostics } = checkSource(source, defines);
  if (!graph) throw new Failure(diagnostics.map(formatDiagnostic).join('\n'));
  for (const diagnostic of diagnostics) console.error(formatDiagnostic(diagnostic));
  return { source, graph };
}
