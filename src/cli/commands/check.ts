import { Command } from 'commander';
import { describeCeiling } from '../../farm/policy/ceiling.js';
import { ceilingInForce, type Mail } from '../../farm/policy/in-force.js';
import { Policy } from '../../farm/policy/policy.js';
import type { CheckedGraph } from '../../pipeline/check.js';
import { type Defines, load, takesGraph } from '../load.js';

/** What may ever leave by each export policy of a graph, for people. */
function ceilings({ flat, configs }: CheckedGraph): string[] {
  return flat.elements.flatMap(({ name }, i) => {
    const { policy, mail } = configs[i] as { policy?: unknown; mail?: unknown };
    if (!(policy instanceof Policy)) return [];
    const lines = describeCeiling(ceilingInForce(policy, mail as Mail));
    return [`what may ever leave by ${name}, whatever its rules say:`, ...lines.map((line) => `  ${line}`)];
  });
}

/** potemkin check: says what is wrong with a graph. */
export function check(): Command {
  return takesGraph(new Command('check'))
    .summary('says what is wrong with a graph')
    .description(
      `Reads a graph and checks all there is to check without running it: syntax, connections, configuration, circles, and containment, which means that no packet of a clone can leave by a tunnel or a device without the licence of an ExportPolicy, and that no rule of its policy lets out what the ceiling of the policy does not allow. It says what may ever leave.

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
      const { graph } = load(file, define);
      const { flat } = graph;
      const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
      console.log(
        `${file}: ${count(flat.elements.length, 'element')}, ${count(flat.connections.length, 'connection')}, nothing wrong`,
      );
      for (const line of ceilings(graph)) console.log(line);
    });
}
