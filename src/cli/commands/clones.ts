import { Command } from 'commander';
import type { CloneLine } from '../../farm/listing.js';
import { type Asking, ask, asks, warnOfStop } from '../ask.js';
import { age, type Column, size, table } from '../table.js';
import { restoreMemoryCommand } from './restore-memory.js';

/** What a daemon answers at /clones. */
interface Answer {
  readonly farms: readonly { readonly name: string; readonly clones: readonly CloneLine[] }[];
}

type Row = CloneLine & { readonly farm: string };

const columns = (now: number): readonly Column<Row>[] => [
  { head: 'FARM', show: ({ farm }) => farm },
  { head: 'CLONE', right: true, show: ({ clone }) => String(clone) },
  { head: 'UNIVERSE', right: true, show: ({ universe }) => String(universe) },
  { head: 'ADDRESS', show: ({ address }) => address },
  { head: 'IMAGE', show: ({ image }) => image },
  { head: 'STATE', show: ({ state }) => state },
  { head: 'DEPTH', right: true, show: ({ depth }) => String(depth) },
  { head: 'PARENT', right: true, show: ({ parent }) => String(parent ?? '-') },
  { head: 'OPENED', right: true, show: ({ opened }) => String(opened) },
  { head: 'SCORE', right: true, show: ({ score }) => String(score) },
  { head: 'RATING', show: ({ rating }) => rating },
  { head: 'AGE', right: true, show: ({ born }) => age(born, now) },
  { head: 'QUIET', right: true, show: ({ active }) => age(active, now) },
  { head: 'DELTA', right: true, show: ({ delta }) => size(delta) },
  { head: 'PSS', right: true, show: ({ pss }) => size(pss) },
  { head: 'OVERHEAD', right: true, show: ({ overhead }) => size(overhead) },
  { head: 'DISK', right: true, show: ({ disk }) => size(disk) },
  { head: 'PID', right: true, show: ({ pid }) => String(pid ?? '-') },
];

/** potemkin clones: what runs, and what is left of what ran. */
export function clones(): Command {
  const list = asks(new Command('list'))
    .summary('lists the clones of a running daemon')
    .description(
      `Lists the clones of a running daemon. DELTA is memory that the guest has changed, OVERHEAD what its process takes beside the guest, PSS its part of all memory that it uses, and DISK what it has written to its disk. PSS and OVERHEAD are asked of the kernel in turn, so they may be some seconds old; - means that they are not known.`,
    )
    .action(async ({ at, json }: Asking) => {
      const answer = await ask<Answer>(at, '/clones');
      const rows = answer.farms.flatMap(({ name, clones }) => clones.map((clone) => ({ farm: name, ...clone })));
      await warnOfStop(at);
      if (json) console.log(JSON.stringify(rows));
      else process.stdout.write(table(columns(Date.now()), rows));
    });
  return new Command('clones')
    .summary('lists clones, and rebuilds the memory of one that was captured')
    .description('Lists the clones of a running daemon, or rebuilds the memory of one that was captured.')
    .addCommand(list, { isDefault: true })
    .addCommand(restoreMemoryCommand())
    .addHelpText(
      'after',
      `
Examples:
  potemkin clones
  potemkin clones --at http://127.0.0.1:9477 --json | jq '.[] | select(.opened > 0)'
  potemkin clones restore-memory 20250102T030405.678Z-u3-c7-10.99.7.7 -o memory.raw`,
    );
}
