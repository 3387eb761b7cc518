import { metricName } from '../control/metrics.js';
import { keyword } from '../pipeline/configure.js';
import type { ElementClass } from '../pipeline/element.js';
import { dropsOf, isAnyPorts, type MetricSpec, type Ports, type Spec } from '../pipeline/spec.js';
import type { Key } from '../pipeline/values.js';
import type { Manual } from './manual.js';

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n## ${title}\n\n${lines.join('\n')}\n`;
}

const item = (head: string, text: string) => `- ${head}${text === '' ? '' : `: ${text}`}`;

function ports(of: Ports): string[] {
  if (isAnyPorts(of)) return [item('any number', of.doc)];
  return Object.entries(of).map(([name, doc], number) => item(`\`[${name}]\` or \`[${number}]\``, doc));
}

function key(name: string, of: Key<unknown>): string {
  const facts = [of.type];
  if (of.rest) facts.push('all positional arguments');
  else if (of.positional) facts.push('may be given without its name');
  if (!('fallback' in of)) facts.push('mandatory');
  else if (of.fallback === undefined) facts.push('optional');
  else if (!of.rest) facts.push(`default ${of.format(of.fallback) || 'empty'}`);
  return item(`${of.rest ? '' : `\`${keyword(name)}\` `}(${facts.join('; ')})`, of.doc);
}

function metric(name: string, of: MetricSpec): string {
  const labels = of.label ? `{${of.label.name}="${of.label.values.join('|')}"}` : '';
  return item(`\`${metricName({ name, kind: of.kind })}${labels}\` (${of.kind})`, of.doc);
}

function handlers(of: NonNullable<Spec['handlers']>): string[] {
  return Object.entries(of).flatMap(([name, { read, write }]) => [
    ...(read === undefined ? [] : [item(`\`${name}\` (read)`, read)]),
    ...(write === undefined ? [] : [item(`\`${name}\` (write)`, write)]),
  ]);
}

function containment(role: NonNullable<Spec['containment']>): string {
  switch (role.role) {
    case 'farm':
      return 'Packets of clones come from it: they may leave only with the licence of an export policy.';
    case 'exit':
      return 'Packets leave the gateway by it: `potemkin check` refuses a graph in which one of a clone gets here without a licence.';
    case 'guard':
      return `It is an export policy: its output \`[${role.licenses}]\` is the licence by which packets of clones may leave.`;
  }
}

/** The reference page of an element, in Markdown: what `potemkin explain` prints and docs/reference holds. */
export function reference({ name, spec }: Pick<ElementClass, 'name' | 'spec'>, { prose, examples }: Manual): string {
  const about = [`${name} ${spec.summary}.`, ...prose, ...(spec.containment ? [containment(spec.containment)] : [])];
  if (spec.decoupled)
    about.push(
      'What it is given does not come out of its outputs in the same turn, so a circle of the graph may pass through it.',
    );
  return [
    `# ${name}\n\n${about.join('\n\n')}\n`,
    section(
      examples.length > 1 ? 'Examples' : 'Example',
      examples.length === 0 ? [] : [examples.map((example) => `\`\`\`click\n${example}\n\`\`\``).join('\n\n')],
    ),
    section('Inputs', ports(spec.inputs)),
    section('Outputs', ports(spec.outputs)),
    section(
      'Configuration',
      Object.entries(spec.config).map(([name, of]) => key(name, of)),
    ),
    section(
      'Drops',
      Object.entries(dropsOf(spec)).map(([reason, doc]) => item(`\`${reason}\``, doc)),
    ),
    section(
      'Metrics',
      Object.entries(spec.metrics ?? {}).map(([name, of]) => metric(name, of)),
    ),
    section('Handlers', handlers(spec.handlers ?? {})),
  ].join('');
}

/** The list of all elements, in Markdown. */
export function referenceIndex(classes: readonly Pick<ElementClass, 'name' | 'spec'>[]): string {
  return `# Elements

The boxes that a graph is made of. \`potemkin explain NAME\` prints the same pages.

${classes.map(({ name, spec }) => `- [${name}](${name}.md) ${spec.summary}`).join('\n')}
`;
}
