import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decisionTable } from '../../src/packet/pattern/decision-table.js';
import { parsePattern } from '../../src/packet/pattern/pattern.js';
import { assemble } from '../../src/packet/pattern/program.js';
import { FOLDER, linkNative, unbuilt } from '../native/link.js';
import { greCapture } from '../workload/gre.js';
import type { Counts } from './baseline.js';

const execute = promisify(execFile);

/** 40 batches; each packet is of another flow. */
const PACKETS = 10_240;
/** Those of bench/graphs/classify.click. */
export const PATTERNS = ['dst tcp port 445 or 139', 'dst tcp port 22 or 23', 'tcp', 'udp', 'icmp'];

/** Programs that are needed, and the Debian packages they are in. */
const TOOLS = { valgrind: 'valgrind', 'c++': 'g++' } as const;

async function version(tool: keyof typeof TOOLS): Promise<string | undefined> {
  const found = await execute(tool, ['--version']).catch(() => undefined);
  return found?.stdout.split('\n')[0];
}

/** Why nothing can be counted here, if so. */
export async function missing(): Promise<string | undefined> {
  const why = unbuilt();
  if (why !== undefined) return why;
  for (const tool of ['valgrind', 'c++'] as const) {
    if ((await version(tool)) === undefined) return `${tool} is missing: apt-get install ${TOOLS[tool]}`;
  }
  return undefined;
}

/** The compiler, on which the counts depend besides the code. */
export const compiler = () => version('c++');

/** Builds bench/native/parts.cc, and runs it under callgrind. */
export async function countInstructions(): Promise<Counts> {
  mkdirSync(FOLDER, { recursive: true });
  const folder = mkdtempSync(join(FOLDER, 'parts-'));
  const file = (name: string) => join(folder, name);
  try {
    await linkNative('parts', file('parts'));
    const { program, first } = assemble(PATTERNS.map((text) => parsePattern(text)));
    writeFileSync(file('program'), program);
    writeFileSync(file('table'), decisionTable(program, first)!);
    writeFileSync(file('capture'), Buffer.concat([...greCapture({ packets: PACKETS, flows: PACKETS })]));
    const out = file('callgrind');
    const options = ['--tool=callgrind', `--callgrind-out-file=${out}`, '--compress-strings=no', '--compress-pos=no'];
    const call = [file('parts'), file('capture'), file('program'), String(first), file('table')];
    const { stdout } = await execute('valgrind', [...options, ...call]);
    if (!stdout.startsWith(`${PACKETS} packets`)) throw new Error(`expected ${PACKETS} packets, but came: ${stdout}`);
    return readCallgrind(readFileSync(out, 'utf8'), PACKETS);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The instructions of each part, with all that it calls, from callgrind's file. @throws Error if there is none */
export function readCallgrind(text: string, packets: number): Counts {
  const counts: Record<string, number> = {};
  // A call is three lines: who is called, how often, and from where and at what cost.
  for (const [, name, cost] of text.matchAll(/^cfn=part_(\w+)\n(?:cf.*\n)*calls=.*\n\S+ (\d+)$/gm)) {
    const part = name!.replaceAll('_', '-');
    counts[part] = (counts[part] ?? 0) + Number(cost) / packets;
  }
  if (Object.keys(counts).length === 0) throw new Error('callgrind saw no part');
  return Object.fromEntries(Object.entries(counts).map(([part, count]) => [part, Math.round(count * 10) / 10]));
}
