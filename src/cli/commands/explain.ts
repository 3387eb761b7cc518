import { Command } from 'commander';
import { Failure } from '../../control/failure.js';
import { elements } from '../../elements/index.js';
import { suggestion } from '../../pipeline/click/suggest.js';
import { manual } from '../manual.js';
import { reference } from '../reference.js';

/** All elements, a line each. */
function list(): string {
  const width = Math.max(...elements.names.map((name) => name.length));
  return elements.names.map((name) => `${name.padEnd(width)}  ${elements.get(name)!.spec.summary}\n`).join('');
}

/** potemkin explain: the manual. */
export function explain(): Command {
  return new Command('explain')
    .summary('prints the reference of an element, or the list of all')
    .description(
      'Prints the reference of an element: the same text as docs/reference. Without a name, lists all elements.',
    )
    .argument('[element]', 'class of elements, such as FlowTable')
    .addHelpText('after', '\nExamples:\n  potemkin explain\n  potemkin explain Counter')
    .action((wanted: string | undefined) => {
      if (wanted === undefined) {
        process.stdout.write(list());
        return;
      }
      const name = elements.names.find((each) => each.toLowerCase() === wanted.toLowerCase());
      if (name === undefined)
        throw new Failure(`unknown element class '${wanted}'${suggestion(wanted, elements.names)}`);
      process.stdout.write(reference(elements.get(name)!, manual(name)));
    });
}
