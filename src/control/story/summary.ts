import { chainText, type StoryRecord } from './record.js';
import { type CallResult, reports } from './reports.js';
import type { Teller } from './teller.js';

/** Packets, as the other end of the tunnel counts them. */
export interface Traffic {
  /** To the gateway. */
  readonly into: number;
  /** From it, to those who had contacted the farm. */
  readonly out: number;
  /** From it, to anybody else. */
  readonly astray: number;
}

/** What becomes of a connection that a clone begins, by verdict. */
const FATES: Readonly<Record<string, string>> = {
  forward: 'let out',
  reflect: 'reflected to other clones',
  redirect: 'redirected',
  drop: 'dropped',
  reset: 'refused',
};

const many = (count: number, one: string, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

/** Tells what came of a chapter. */
export function conclude(teller: Teller, record: StoryRecord, results: readonly CallResult[]): void {
  for (const report of reports(results)) teller.outcome(report);
  const chain = chainText(record.clonesOf(results[0]!.call.source));
  if (chain.includes('→')) teller.outcome(`${chain}, all in one universe`);
}

/** Tells what it all came to. */
export function summarize(teller: Teller, record: StoryRecord, traffic: Traffic | undefined): void {
  const attempts = [...record.attempts()].map(
    ([verdict, count]) => `${many(count, 'connection')}: ${FATES[verdict] ?? verdict}`,
  );
  teller.heading('Summary');
  teller.table([
    ['universes', `${record.universes.size}, each closed to the others`],
    ['clones', `${record.clones.length}, made when somebody contacted them`],
    [
      'malicious',
      record.malicious.length === 0
        ? 'none'
        : `${record.malicious.length} of them, in ${many(new Set(record.malicious.map(({ universe }) => universe)).size, 'universe')}`,
    ],
    ['begun by clones', attempts.join(', ') || 'nothing'],
    ...(traffic
      ? ([
          ['packets', `${traffic.into} came in through the tunnel, ${traffic.out} went back to those who had asked`],
          ['leaked', `${many(traffic.astray, 'packet')} to anybody else`],
        ] as const)
      : []),
  ]);
}

/** What the story promises and did not come true, in words. */
export function broken(record: StoryRecord, traffic: Traffic | undefined, hops: number): string[] {
  const problems: string[] = [];
  const expect = (holds: boolean, problem: string) => {
    if (!holds) problems.push(problem);
  };
  const worm = record.clonesOf('198.51.100.30');
  expect(record.clonesOf('198.51.100.7').length === 1, 'the first scan should have made one clone');
  expect(record.clonesOf('198.51.100.8').length === 1, 'the second scan should have made one clone');
  expect(record.playersOf('10.99.16.1').length === 2, '10.99.16.1 should be played by two clones');
  expect(worm.length === hops + 1, `the worm should have met ${hops + 1} machines, not ${worm.length}`);
  expect(new Set(worm.map(({ universe }) => universe)).size === 1, 'the worm should have stayed in one universe');
  expect(
    record.malicious.length === hops && record.maliciousOf('198.51.100.30').length === hops,
    `the monitor should have found ${hops} machines of the worm malicious, and no other`,
  );
  expect(traffic?.astray === 0, `${traffic?.astray} packets went astray`);
  return problems;
}
