import { Command } from 'commander';
import { type Defines, load, takesGraph } from '../load.js';

/** potemkin check: says what is wrong with a graph. */
export function check(): Command {
  return takesGraph(new Command('check'))
    .summary('says what is wrong with a graph')
    .description(
      `Reads a graph and checks all there is to check without running it: syntax, connections, configuration, circles, and containment, which means that no packet of a clone can leave by a tunnel or a device without the licence of an ExportPolicy.

What is wrong is printed as file:line:column: message, and the exit status is 1.`,
    )
    .addHelpText(
      'after',
      `
Examples:
  potemkin check config/farm.click
  potemkin check config/farm.click -D LOCAL=192.0.2.2 -D ROUTER=192.0.2.1`,
    )
    .action((file: string, { define }: { define?: Defines }) => {
      const { flat } = load(file, define).graph;
      const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
      console.log(
        `${file}: ${count(flat.elements.length, 'element')}, ${count(flat.connections.length, 'connection')}, nothing wrong`,
      );
    });
}
