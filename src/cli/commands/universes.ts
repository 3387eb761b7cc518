import { Command } from 'commander';
import type { UniverseLine } from '../../farm/listing.js';
import { type Asking, ask, asks, warnOfStop } from '../ask.js';
import { age, type Column, table } from '../table.js';

/** What a daemon answers at /universes. */
interface Answer {
  readonly farms: readonly { readonly name: string; readonly universes: readonly UniverseLine[] }[];
}

type Row = UniverseLine & { readonly farm: string };

const columns = (now: number): readonly Column<Row>[] => [
  { head: 'FARM', show: ({ farm }) => farm },
  { head: 'UNIVERSE', right: true, show: ({ universe }) => String(universe) },
  { head: 'SOURCE', show: ({ source }) => source },
  { head: 'TARGET', show: ({ target }) => target },
  { head: 'CLONES', right: true, show: ({ clones }) => String(clones) },
  { head: 'DEPTH', right: true, show: ({ depth }) => String(depth) },
  { head: 'SCORE', right: true, show: ({ score }) => String(score) },
  { head: 'AGE', right: true, show: ({ born }) => age(born, now) },
];

/** potemkin universes: what one packet led to. */
export function universes(): Command {
  return asks(new Command('universes'))
    .summary('lists the universes of a running daemon')
    .description(
      'Lists the universes of a running daemon: who sent the packet that began each, to which address, how many clones it has now, the length of its longest chain of clones that called each other, and the highest score that a clone of it had.',
    )
    .addHelpText(
      'after',
      "\nExamples:\n  potemkin universes\n  potemkin universes --json | jq '.[] | select(.depth > 1)'",
    )
    .action(async ({ at, json }: Asking) => {
      const answer = await ask<Answer>(at, '/universes');
      const rows = answer.farms.flatMap(({ name, universes }) => universes.map((each) => ({ farm: name, ...each })));
      await warnOfStop(at);
      if (json) console.log(JSON.stringify(rows));
      else process.stdout.write(table(columns(Date.now()), rows));
    });
}
