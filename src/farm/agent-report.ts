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

/** Entries of a report: what a guest says is a stranger's word. */
const ENTRIES = 256;

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
