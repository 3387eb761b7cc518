import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { Command } from 'commander';
import { Failure } from '../../control/failure.js';
import { elements } from '../../elements/index.js';
import { drawGraph, renderSvg } from '../draw.js';
import { type Defines, load, takesGraph } from '../load.js';

/** potemkin graph: draws a graph. */
export function graph(): Command {
  return takesGraph(new Command('graph'))
    .summary('draws a graph')
    .description(
      `Draws a graph, everything expanded. Farms, guards and exits have their own colours, so that one sees by which way a clone's packet could leave.`,
    )
    .requiredOption('-o, --output <file>', 'picture.svg, or picture.dot for the text that Graphviz draws; - prints dot')
    .addHelpText(
      'after',
      '\nExamples:\n  potemkin graph config/farm.click -o farm.svg\n  potemkin graph config/farm.click -o - | less',
    )
    .action(async (file: string, { output, define }: { output: string; define?: Defines }) => {
      const type = output === '-' ? '.dot' : extname(output);
      if (type !== '.svg' && type !== '.dot')
        throw new Failure(`--output: expected a name in .svg or .dot, not '${output}'`);
      const dot = drawGraph(load(file, define).graph.flat, elements);
      const text = type === '.dot' ? dot : await renderSvg(dot);
      if (output === '-') process.stdout.write(text);
      else writeFileSync(output, text);
    });
}
