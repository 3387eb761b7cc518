import { setTimeout } from 'node:timers/promises';
import { type RunningDaemon, runDaemon } from '../daemon.js';
import { readSource } from '../graph-file.js';
import { formatListen, type ListenAddress } from '../http.js';
import { Lab } from '../lab/lab.js';
import { describeParts } from '../lab/status.js';
import { narrate } from '../narrate.js';
import { thread } from '../thread.js';
import type { AttackOrder } from './attack.js';
import { CHAPTERS, type Chapter, HOPS } from './chapters.js';
import { StoryRecord } from './record.js';
import type { CallResult } from './reports.js';
import { broken, conclude, summarize } from './summary.js';
import type { Teller } from './teller.js';

export interface LiveOptions {
  readonly graph: string;
  readonly name: string;
  readonly state: string;
  readonly listen: ListenAddress | undefined;
  /** End after the story. */
  readonly once: boolean;
  readonly version: string;
}

/** Milliseconds for the events of a chapter to come in after the attacker has finished. */
const ECHO = 400;

/**
 * Makes sure that there is a lab, and that it goes when this process ends, in whatever way but SIGKILL. One that was
 * there already stays.
 */
async function openLab(lab: Lab): Promise<{ made: boolean; close(): void }> {
  let made = true;
  const close = () => {
    process.off('exit', close);
    if (lab.owner?.pid !== process.pid) return;
    if (made) lab.down();
    else lab.release();
  };
  const early = () => process.exit(130);
  process.on('exit', close).once('SIGINT', early).once('SIGTERM', early);
  try {
    made = await lab.up();
    lab.claim();
  } finally {
    process.off('SIGINT', early).off('SIGTERM', early);
  }
  process.once('SIGHUP', () => process.kill(process.pid, 'SIGTERM'));
  return { made, close };
}

/** The story with real packets: in a lab, which is made for it unless it is there. Returns the exit status. */
export async function liveStory(teller: Teller, options: LiveOptions): Promise<number> {
  const { graph, name, state, listen, once, version } = options;
  teller.heading('The lab');
  const lab = new Lab({ name, state });
  const { made, close } = await openLab(lab);
  teller.text(made ? 'Three network namespaces, which nothing leaves:' : 'It was up already, and will stay:');
  teller.lines(await describeParts(lab));

  const record = new StoryRecord();
  const over = new AbortController();
  let problems: string[] = [];
  const tell = async ({ address, halt }: RunningDaemon) => {
    try {
      for (const chapter of CHAPTERS) await play(teller, lab, chapter, record, over.signal);
      const traffic = await lab.counters();
      summarize(teller, record, traffic);
      problems = broken(record, traffic, HOPS);
      if (!once) invite(teller, lab, address);
    } catch (error) {
      if (!over.signal.aborted) problems = [error instanceof Error ? error.message : String(error)];
    }
    for (const problem of problems) teller.problem(problem);
    if (once || problems.length > 0) halt();
  };

  teller.heading('The gateway');
  teller.text(
    `It runs config/farm.click in ${lab.namespaces.gateway}. Nobody has contacted it yet, so there is no clone.`,
  );
  let telling: Promise<void> | undefined;
  try {
    const status = await runDaemon({
      source: readSource(graph),
      defines: {},
      netns: lab.namespaces.gateway,
      listen,
      events: 'off',
      version,
      log: (line) => teller.lines(line),
      onEvent: (event) => {
        record.add(event);
        if (event.kind !== 'warning' && event.kind !== 'error') teller.event(narrate(event));
      },
      onStarted: (daemon) => {
        telling = tell(daemon);
      },
    });
    over.abort();
    await telling;
    return problems.length > 0 ? 1 : status;
  } finally {
    close();
    if (made) teller.lines(`lab ${lab.name} is gone`);
  }
}

async function play(
  teller: Teller,
  lab: Lab,
  { title, text, calls }: Chapter,
  record: StoryRecord,
  signal: AbortSignal,
): Promise<void> {
  teller.heading(title);
  teller.text(text);
  const order: AttackOrder = { namespace: lab.namespaces.attacker, calls };
  const results: CallResult[] = [];
  const attack = new URL('./attack.js', import.meta.url);
  for await (const result of thread<CallResult>(attack, order, signal)) results.push(result);
  await setTimeout(ECHO, undefined, { signal });
  conclude(teller, record, results);
}

function invite(teller: Teller, lab: Lab, address: ListenAddress | undefined): void {
  const inside = `ip netns exec ${lab.namespaces.attacker}`;
  teller.heading('Your turn');
  teller.text('The gateway goes on, and tells here what happens. As root, from another terminal:');
  teller.gap();
  teller.table([
    ...(address ? ([['metrics', `curl http://${formatListen(address)}/metrics`]] as const) : []),
    ['attack', `${inside} nmap -sS -p 22,80,445 10.99.7.0/24`],
    ['talk', `${inside} curl -i http://10.99.4.8/`],
    ['end', 'Ctrl-C removes all of it'],
  ]);
  teller.gap();
}
