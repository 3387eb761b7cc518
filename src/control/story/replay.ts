import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAddress } from '../../packet/address.js';
import { Batch } from '../../packet/batch.js';
import { CaptureFile } from '../../packet/capture.js';
import { BATCH } from '../../packet/columns.js';
import { Packets } from '../../packet/packets.js';
import type { EngineEvent } from '../../pipeline/events.js';
import { runDaemon } from '../daemon.js';
import { readSource } from '../graph-file.js';
import { isAstray } from '../lab/astray.js';
import { decapsulate } from '../lab/gre.js';
import { narrate } from '../narrate.js';
import { type Call, chapters, HOPS } from './chapters.js';
import { StoryRecord } from './record.js';
import type { CallResult } from './reports.js';
import { broken, conclude, summarize, type Traffic } from './summary.js';
import type { Teller } from './teller.js';

export interface ReplayOptions {
  readonly graph: string;
  /** What went into the tunnel when somebody recorded it. */
  readonly capture: string;
  readonly version: string;
}

/** The seed with which the capture was made: it acknowledges what the clones answered. */
export const SEED = 1n;

/** Counts the packets of a capture, and hands each to `see`. */
export function readCapture(file: string, see: (packets: Packets, row: number) => void): number {
  const capture = new CaptureFile(file);
  const packets = new Packets();
  const batch = new Batch();
  let count = 0;
  try {
    while (!capture.ended) {
      packets.reset();
      batch.clear();
      capture.read(packets, batch, BATCH);
      for (let i = 0; i < batch.count; i++) see(packets, batch.rows[i]!);
      count += batch.count;
    }
  } finally {
    capture.close();
  }
  return count;
}

/** A TCP segment that went back to the attacker. */
export interface Answer {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly source: number;
  readonly sourcePort: number;
  readonly target: number;
  readonly targetPort: number;
  readonly sequence: number;
  readonly flags: number;
  readonly data: string;
}

const TCP = 6;
const RST = 4;

function readAnswer(packets: Packets, row: number): Answer | undefined {
  const { view, start } = packets;
  const ip = start[row]!;
  if (view.getUint8(ip + 9) !== TCP) return undefined;
  const tcp = ip + (view.getUint8(ip) & 15) * 4;
  const header = tcp - ip + (view.getUint8(tcp + 12) >> 4) * 4;
  return {
    time: packets.sec[row]! + packets.nsec[row]! / 1e9,
    source: view.getUint32(ip + 12),
    sourcePort: view.getUint16(tcp),
    target: view.getUint32(ip + 16),
    targetPort: view.getUint16(tcp + 2),
    sequence: view.getUint32(tcp + 4),
    flags: view.getUint8(tcp + 13),
    data: Buffer.from(packets.packet(row).subarray(header)).toString('latin1'),
  };
}

/** Plays the story's capture through a graph. Returns what happened, in order, and the packets. */
export async function replay(options: ReplayOptions, log: (line: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'potemkin-'));
  const out = join(folder, 'out.pcap');
  const events: EngineEvent[] = [];
  try {
    const status = await runDaemon({
      source: readSource(options.graph),
      defines: { IN: options.capture, OUT: out },
      seed: SEED,
      listen: undefined,
      events: 'off',
      version: options.version,
      log,
      onEvent: (event) => events.push(event),
      onStarted: () => {},
    });
    let astray = 0;
    const answers: Answer[] = [];
    const returned = readCapture(out, (packets, row) => {
      if (!decapsulate(packets, row) || isAstray(packets, row)) astray++;
      else answers.push(...[readAnswer(packets, row)].filter((answer) => answer !== undefined));
    });
    const traffic: Traffic = { into: readCapture(options.capture, () => {}), out: returned - astray, astray };
    return { status, events, traffic, answers };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What became of a call, from the answers to it. */
function resultOf(call: Call, answers: readonly Answer[]): CallResult {
  const mine = answers.filter(
    ({ source, sourcePort, target }) =>
      source === parseAddress(call.target) && sourcePort === call.port && target === parseAddress(call.source),
  );
  const outcome = mine.length === 0 ? 'silent' : mine.some(({ flags }) => flags & RST) ? 'refused' : 'answered';
  return { call, outcome, heard: mine.map(({ data }) => data).join('') };
}

/** The story from a capture, as it needs no rights. Returns the exit status. */
export async function replayStory(teller: Teller, options: ReplayOptions): Promise<number> {
  const { status, events, traffic, answers } = await replay(options, (line) => teller.lines(line));
  const record = new StoryRecord();
  for (const event of events) record.add(event);
  for (const { title, text, calls } of chapters('simulated')) {
    const { source } = calls[0]!;
    teller.heading(title);
    teller.text(text);
    for (const event of events) {
      if ('universe' in event && record.universes.get(event.universe) === source) teller.event(narrate(event));
    }
    const results = calls.map((call) => resultOf(call, answers));
    conclude(teller, record, results);
  }
  summarize(teller, record, traffic);
  const problems = broken(record, traffic, HOPS);
  for (const problem of problems) teller.problem(problem);
  return problems.length > 0 ? 1 : status;
}
