import { short } from './figure.js';

/** ns a packet. */
interface Reference {
  readonly click: number;
  readonly fastclick: number;
}

/**
 * Click and FastClick (-O3, batching), each the median on one core of a machine of the kind that docs/performance.md names, with
 * this workload; measured in November 2026. They are here because few machines have a Click: `--against click` measures the one
 * that is there.
 */
export const REFERENCES: Readonly<Record<string, Reference>> = {
  count: { click: 95, fastclick: 59 },
  classify: { click: 145, fastclick: 114 },
  'flows-10k': { click: 247, fastclick: 207 },
  'flows-1m': { click: 605, fastclick: 501 },
  'nat-10k': { click: 332, fastclick: 329 },
  dump: { click: 258, fastclick: 211 },
};

const HEAD = ['', 'here', 'Click', 'here/Click', 'FastClick', 'here/FastClick'];

/** A table of rows beside the stored figures of others. @param medians ns a packet, by row */
export function compare(medians: ReadonlyMap<string, number>): string | undefined {
  const rows = [...medians].flatMap(([row, here]) => {
    const found = REFERENCES[row];
    if (!found) return [];
    const { click, fastclick } = found;
    return [[row, short(here), short(click), short(here / click), short(fastclick), short(here / fastclick)]];
  });
  if (rows.length === 0) return undefined;
  const widths = HEAD.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  return ['ns a packet, beside figures of Click and FastClick that were measured in November 2026:', '']
    .concat([HEAD, ...rows].map(line))
    .join('\n');
}
