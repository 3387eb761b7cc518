import type { Call } from './chapters.js';

/** What became of a call. */
export interface CallResult {
  readonly call: Call;
  readonly outcome: 'answered' | 'refused' | 'silent';
  /** What the other side said. */
  readonly heard: string;
}

/** The words of a service that a person would look at: the first line, and who says it is. */
function gist(heard: string): string {
  const lines = heard.split(/\r?\n/);
  const server = lines.find((line) => /^server:/i.test(line));
  return [lines[0], ...(server ? [server] : [])].join(', ');
}

/** What the attacker saw: a line for each call that was answered, and one for all that were not. */
export function reports(results: readonly CallResult[]): string[] {
  const where = ({ target, port }: Call) => `port ${port} of ${target}`;
  const lines = results
    .filter(({ outcome }) => outcome !== 'silent')
    .map(({ call, outcome, heard }) => {
      const said = heard === '' ? '' : `: "${gist(heard)}"`;
      return `${call.source} sees ${where(call)} ${outcome === 'answered' ? 'open' : 'closed'}${said}`;
    });
  const silent = results.filter(({ outcome }) => outcome === 'silent');
  if (silent.length > 0) lines.push(`${silent[0]!.call.source} hears nothing from ${silent.length} addresses`);
  return lines;
}
