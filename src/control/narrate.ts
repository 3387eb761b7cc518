import { formatAddress } from '../packet/address.js';
import type { EngineEvent } from '../pipeline/events.js';

const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp' };
const WITH_PORTS = new Set([6, 17]);

/** What was done with a packet, after "tried to reach X: ". */
const VERDICTS: Readonly<Record<string, string>> = {
  forward: 'let out',
  limit: 'let out, within limits',
  redirect: 'redirected',
  reflect: 'reflected',
  rewrite: 'let out, rewritten',
  drop: 'dropped',
  reset: 'refused',
  stopped: 'held back, as export is stopped',
};

/** Names of files and messages of libraries may hold anything: a line stays a line, and a terminal's state its own. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function duration(seconds: number): string {
  return seconds < 1 ? `${(seconds * 1000).toFixed(1)} ms` : `${seconds.toFixed(1)} s`;
}

function destination(target: number, proto: number, port: number): string {
  const protocol = PROTOCOLS[proto] ?? `protocol ${proto}`;
  const place = WITH_PORTS.has(proto) ? `:${port}` : '';
  return `${formatAddress(target)}${place}/${protocol}`;
}

/** What happened, in a line of plain words. */
export function narrate(event: EngineEvent): string {
  switch (event.kind) {
    case 'universe':
      return `${event.universeKind === 'closed' ? '' : `${event.universeKind} `}universe ${event.universe}: ${formatAddress(event.source)} contacted ${formatAddress(event.target)}`;
    case 'joined':
      return `universe ${event.universe}: ${formatAddress(event.source)} joins it at ${formatAddress(event.target)}`;
    case 'clone': {
      const reason = event.cause.clone > 0 ? ` because clone ${event.cause.clone} called it` : '';
      const plays = `plays ${formatAddress(event.address)} in universe ${event.universe}`;
      const ready = `ready in ${duration(event.seconds)} (${event.origin})`;
      return oneLine(`clone ${event.clone} (${event.image}) ${plays}${reason}, ${ready}`);
    }
    case 'malicious': {
      const who = `clone ${event.clone}, which plays ${formatAddress(event.address)} in universe ${event.universe},`;
      return oneLine(`${who} is malicious (score ${event.score}): it ${event.reasons.join(', ')}`);
    }
    case 'captured': {
      const { clone, universe, address, why, path, outcome, reason } = event;
      const who = clone === 0 ? `universe ${universe}` : `clone ${clone}, which played ${formatAddress(address)},`;
      const what = path === undefined ? `could not be captured (${outcome}: ${reason})` : `is captured in ${path}`;
      return oneLine(`${who} ${what}: it ${why}`);
    }
    case 'gone': {
      const part = `${formatAddress(event.address)} in universe ${event.universe}`;
      return oneLine(`clone ${event.clone}, which played ${part}, is gone: ${event.reason}`);
    }
    case 'verdict': {
      const to = destination(event.target, event.proto, event.port);
      const verdict = VERDICTS[event.verdict] ?? event.verdict;
      const quota = event.quota === undefined ? '' : `; over ${event.quota}`;
      return oneLine(`clone ${event.clone} tried to reach ${to}: ${verdict} (rule ${event.rule}${quota})`);
    }
    case 'sink':
      return oneLine(`clone ${event.clone} at ${formatAddress(event.target)}:${event.port}, a sink: ${event.what}`);
    case 'export': {
      const what = event.stopped ? 'EXPORT IS STOPPED' : 'export is allowed again';
      return oneLine(`${what}, by ${event.by}: ${event.reason}`);
    }
    case 'warning':
    case 'error':
      return oneLine(`${event.kind}: ${event.element}: ${event.message}`);
  }
}

/** The same as JSON in one line, addresses as people write them. */
export function eventJson(event: EngineEvent, time: Date): string {
  const written: Record<string, unknown> = { time: time.toISOString(), ...event };
  for (const name of ['source', 'target', 'address']) {
    if (typeof written[name] === 'number') written[name] = formatAddress(written[name]);
  }
  if (event.kind === 'clone') written.cause = { ...event.cause, source: formatAddress(event.cause.source) };
  // JSON itself leaves DEL and the terminal's eight-bit controls as they are.
  return JSON.stringify(written).replace(/\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
