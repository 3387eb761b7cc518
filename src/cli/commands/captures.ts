import { join } from 'node:path';
import { Command } from 'commander';
import { oneLine } from '../../control/narrate.js';
import { type CaptureRecord, listCaptures, readCapture } from '../../farm/capture-record.js';
import { capturesFolder } from '../../farm/state.js';
import { findCapture, stored } from '../stored.js';
import { type Column, size, table } from '../table.js';

interface Options {
  readonly state: string;
  readonly json?: true;
}

interface Row {
  readonly name: string;
  readonly record: CaptureRecord;
}

const COLUMNS: readonly Column<Row>[] = [
  { head: 'CAPTURE', show: ({ name }) => name },
  { head: 'IMAGE', show: ({ record }) => record.image?.name ?? '-' },
  { head: 'DEPTH', right: true, show: ({ record }) => String((record.clone ?? record.universe).depth) },
  { head: 'FRAMES', right: true, show: ({ record }) => String(record.traffic.frames) },
  { head: 'DELTA', right: true, show: ({ record }) => size(record.memory?.bytes ?? null) },
  { head: 'REASON', show: ({ record }) => record.reason },
];

/** A capture in words. */
function describe({ time, reason, ending, universe, ...record }: CaptureRecord): string {
  const { clone, chain, tree, image, memory, traffic, verdicts, monitor, report, account, files } = record;
  const lines: [string, string][] = [
    ['captured', `${time}: ${reason}`],
    ['ended', ending],
    ['universe', `${universe.id}, begun by ${universe.source} contacting ${universe.target} at ${universe.born}`],
  ];
  if (monitor) {
    lines.push(['rating', `${monitor.rating}, score ${monitor.score}`]);
    for (const print of monitor.payloads.repeated) lines.push(['payload', `${print}, sent on as it had come`]);
  }
  if (clone) {
    const chained = [clone, ...chain].map(({ clone, address }) => `${address} (${clone})`).join(' <- ');
    lines.push(['clone', `${clone.clone}, ${clone.address}, MAC ${clone.mac}, opened ${clone.opened} flows`]);
    lines.push(['chain', `${chained} <- ${universe.source}`]);
  }
  lines.push(['tree', `${tree.length} clones, depth ${universe.depth}`]);
  if (image) lines.push(['image', `${image.name}, SHA-256 ${image.sha256 ?? 'unknown'}`]);
  if (memory) lines.push(['memory', `${size(memory.bytes)} differ, ${size(memory.equal)} written and as before`]);
  if (account) lines.push(['account', `PSS ${size(account.pss)}, overhead ${size(account.overhead)}`]);
  const missed = traffic.missed > 0 ? `; ${traffic.missed} more were not recorded (${traffic.full})` : '';
  lines.push(['traffic', `${traffic.frames} frames${missed}`]);
  for (const { rule, verdict, flows } of verdicts) lines.push(['verdict', `${verdict} by ${rule}: ${flows} flows`]);
  if (report) {
    lines.push(['listening', report.listen.join(', ') || 'none']);
    lines.push([
      'processes',
      Object.entries(report.processes)
        .map(([name, count]) => `${name} ${count}`)
        .join(', '),
    ]);
  }
  for (const file of files) lines.push(['file', `${file.name}, ${size(file.size)}, SHA-256 ${file.sha256}`]);
  return lines.map(([head, text]) => `${head.padEnd(10)} ${oneLine(text)}\n`).join('');
}

/** potemkin captures: what was caught. */
export function captures(): Command {
  const list = stored(new Command('list'))
    .summary('lists captures, oldest first')
    .option('--json', 'prints the records, for programs')
    .action(async ({ state, json }: Options) => {
      const rows: Row[] = [];
      const folder = capturesFolder(state);
      for (const name of await listCaptures(folder)) {
        try {
          rows.push({ name, record: await readCapture(join(folder, name)) });
        } catch (error) {
          console.error(oneLine((error as Error).message));
          process.exitCode = 1;
        }
      }
      if (json) console.log(JSON.stringify(rows.map(({ name, record }) => ({ name, ...record }))));
      else process.stdout.write(table(COLUMNS, rows));
    });
  const show = stored(new Command('show'))
    .summary('tells what a capture holds')
    .argument('<capture>', 'name of a capture, or the path of its folder')
    .option('--json', 'prints the record, for programs')
    .action(async (capture: string, { state, json }: Options) => {
      const { record } = await findCapture(capture, state);
      process.stdout.write(json ? `${JSON.stringify(record)}\n` : describe(record));
    });
  return new Command('captures')
    .summary('lists and shows captures of clones')
    .description('Lists and shows what was captured of clones and universes: see docs/captures.md.')
    .addCommand(list)
    .addCommand(show)
    .addHelpText(
      'after',
      `
Examples:
  potemkin captures list
  potemkin captures show 20250102T030405.678Z-u3-c7-10.99.7.7
  potemkin captures list --json | jq '.[] | select(.verdicts | length > 0) | .name'`,
    );
}
