/** Pieces of nft's language. */
import type { Range } from '../../packet/pattern/pattern.js';
import type { Place } from './plan.js';

/** EtherTypes. */
export const IPV4 = 0x0800;
export const ARP = 0x0806;

/** A chain of rules; with a hook it is where packets come from. */
export interface Chain {
  readonly name: string;
  readonly rules: readonly string[];
  readonly base?: Base;
}

interface Base {
  readonly hook: 'egress' | 'ingress';
  readonly device: string;
  readonly policy: 'accept' | 'drop';
}

export const chain = (name: string, rules: readonly string[], base?: Base): Chain => ({
  name,
  rules,
  ...(base && { base }),
});

/** Tests the EtherType in the frame itself: what the sender's socket says it is may be another. Nothing if there is none. */
export const ethernetType = ({ ethernet }: Place, type: number): string => (ethernet ? `@ll,96,16 ${type} ` : '');

/** Tests whether a field is in some ranges, which are apart from each other; nothing if these are all there are. */
export function within(field: string, ranges: readonly Range[], most: number): string {
  const [first] = ranges;
  if (ranges.length === 1 && first![0] === 0 && first![1] === most) return '';
  const texts = ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
  return texts.length === 1 ? `${field} ${texts[0]} ` : `${field} { ${texts.join(', ')} } `;
}

export function chainText({ name, rules, base }: Chain): string {
  const head = base && `type filter hook ${base.hook} device "${base.device}" priority 0; policy ${base.policy};`;
  const lines = head ? [head, ...rules] : rules;
  return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join('')}  }\n`;
}
