import { Command } from 'commander';
import { elements } from '../../elements/index.js';
import { unparse } from '../../pipeline/click/unparse.js';
import { type Defines, load, takesGraph } from '../load.js';

/** potemkin flatten: a graph with everything expanded. */
export function flatten(): Command {
  return takesGraph(new Command('flatten'))
    .summary('prints a graph with compounds and variables expanded')
    .description(
      'Prints a graph as Click text in which all compound elements and variables are expanded: what really runs.',
    )
    .addHelpText('after', '\nExample:\n  potemkin flatten config/farm.click')
    .action((file: string, { define }: { define?: Defines }) => {
      process.stdout.write(unparse(load(file, define).graph.flat, elements.find));
    });
}
