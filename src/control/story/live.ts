import { setTimeout } from 'node:timers/promises';
import { type RunningDaemon, runDaemon } from '../daemon.js';
import { readSource } from '../graph-file.js';
import { formatListen, type ListenAddress } from '../http.js';
import { Lab } from '../lab/lab.js';
import { describeParts } from '../lab/status.js';
import { narrate } from '../narrate.js';
import { thread } from '../thread.js';
import type { AttackOrder } from './attack.js';
import { type Chapter, chapters, HOPS, type World } from './chapters.js';
import { StoryRecord } from './record.js';
import type { CallResult } from './reports.js';
import { broken, conclude, summarize } from './summary.js';
import type { Teller } from './teller.js';

export interface LiveOptions {
  readonly graph: string;
  readonly name: string;
  /** The folder of the lab's files. */
  readonly state: string;
  /** The folder of images and captures. */
  readonly farm: string;
  readonly world: World;
  readonly listen: ListenAddress | undefined;
  /** End after the story. */
  readonly once: boolean;
  readonly version: string;
}

/** What config/farm.click is told. */
const DEFINES: Record<World, Record<string, string>> = {
  machines: {},
  simulated: { BACKEND: 'simulated', MAP: 'simulated.map' },
};

/** Milliseconds for the events of a chapter to come in after the attacker has finished, and between two looks. */
const ECHO = 400;
const LOOK = 100;

/** How long an attacker waits, and how long its clones may take to come about. */
const PACE: Record<World, Omit<AttackOrder, 'namespace' | 'calls'> & { readonly clones: number }> = {
  // Less than the kernel takes to try again.
  simulated: { patience: 800, listen: 600, clones: 2000 },
  machines: { patience: 6000, listen: 6000, clones: 20_000 },
};

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
  const { graph, name, state, farm, world, listen, once, version } = options;
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
      for (const chapter of chapters(world)) await play(teller, lab, world, chapter, record, over.signal);
      const traffic = await lab.counters();
      summarize(teller, record, traffic);
      problems = broken(record, traffic, HOPS);
      if (!once) invite(teller, lab, world, address);
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
      defines: DEFINES[world],
      state: farm,
      // It is of this lab, and must not puzzle who makes another one.
      stops: lab.folder,
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
  world: World,
  { title, text, calls, clones, malicious = 0 }: Chapter,
  record: StoryRecord,
  signal: AbortSignal,
): Promise<void> {
  teller.heading(title);
  teller.text(text);
  const { patience, listen, clones: time } = PACE[world];
  const order: AttackOrder = { namespace: lab.namespaces.attacker, calls, patience, listen };
  const results: CallResult[] = [];
  const attack = new URL('./attack.js', import.meta.url);
  for await (const result of thread<CallResult>(attack, order, signal)) results.push(result);
  const { source } = calls[0]!;
  const isOver = () => record.clonesOf(source).length >= clones && record.maliciousOf(source).length >= malicious;
  for (const since = performance.now(); !isOver(); ) {
    if (performance.now() - since > time) break;
    await setTimeout(LOOK, undefined, { signal });
  }
  await setTimeout(ECHO, undefined, { signal });
  conclude(teller, record, results);
}

function invite(teller: Teller, lab: Lab, world: World, address: ListenAddress | undefined): void {
  const inside = `ip netns exec ${lab.namespaces.attacker}`;
  teller.heading('Your turn');
  teller.text('The gateway goes on, and tells here what happens. As root, from another terminal:');
  teller.gap();
  teller.table([
    ...(address ? ([['metrics', `curl http://${formatListen(address)}/metrics`]] as const) : []),
    ['attack', `${inside} nmap -sS -p 22,80,445 10.99.7.0/24`],
    ['talk', `${inside} curl -i http://10.99.4.8/`],
    ...(world === 'machines'
      ? ([['log in', `${inside} ssh root@10.99.5.5 (password root), telnet 10.99.5.6`]] as const)
      : []),
    ['end', 'Ctrl-C removes all of it'],
  ]);
  teller.gap();
}
