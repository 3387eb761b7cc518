/** What the agent in a guest says of it. */
export interface AgentReport {
  /** `tcp 80`, `udp 53`. */
  readonly listen: ReadonlySet<string>;
  /** How many processes there are by name. */
  readonly processes: ReadonlyMap<string, number>;
}

/** What an image is like when nothing happened to it, noted when it was frozen. */
export interface Baseline {
  /** Bytes of delta after its boot and warm-up, and what an idle guest may add to that. */
  readonly delta: number;
  readonly allowance: number;
  /** Undefined if the image has no agent. */
  readonly report: AgentReport | undefined;
}

/** What is known of a clone, to be held against its image's baseline. */
export interface CloneState {
  readonly opened: number;
  /** Of its universe. */
  readonly depth: number;
  readonly delta: number;
  readonly report: AgentReport | undefined;
}

/** Entries of a report: what a guest says is a stranger's word. */
const ENTRIES = 256;
/** Names that a reason lists. */
const NAMED = 8;

export const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;

/** Depth from which on a universe is a chain: a clone called for another. */
export const CHAIN = 2;

/** In what a clone differs from what its image is like by itself, each in words with the figures. Empty if in nothing. */
export function changes({ opened, depth, delta, report }: CloneState, baseline: Baseline): string[] {
  const found: string[] = [];
  if (opened > 0) found.push(`opened ${opened} ${opened === 1 ? 'connection' : 'connections'} of its own`);
  if (depth >= CHAIN) found.push(`is part of a universe of depth ${depth}`);
  if (delta > baseline.delta + baseline.allowance) {
    const grown = megabytes(delta - baseline.delta);
    found.push(`changed ${grown} of memory beyond the ${megabytes(baseline.delta)} of its image's baseline`);
  }
  if (report && baseline.report) {
    const ports = [...report.listen].filter((port) => !baseline.report!.listen.has(port));
    if (ports.length > 0) found.push(`listens on ${list(ports)}`);
    const names = [...report.processes.keys()].filter((name) => !baseline.report!.processes.has(name));
    if (names.length > 0) found.push(`runs ${list(names)}`);
  }
  return found;
}

/**
 * Reads an agent's report: lines `listen tcp 80` and `process NAME COUNT`. Whatever else is in it is passed over, since a
 * guest that was taken over may say anything.
 */
export function parseReport(text: string): AgentReport {
  const listen = new Set<string>();
  const processes = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, port] = /^listen ((?:tcp|udp) \d{1,5})$/.exec(line) ?? [];
    if (port !== undefined && listen.size < ENTRIES) listen.add(port);
    const [, name, count] = /^process (\S.{0,31}) (\d{1,7})$/.exec(line) ?? [];
    if (name !== undefined && processes.size < ENTRIES) processes.set(printable(name), Number(count));
  }
  return { listen, processes };
}

const printable = (name: string): string => name.replace(/[^\x20-\x7e]/g, '?');

function list(names: readonly string[]): string {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
