import { splitWord } from '../click/words.js';
import { ValueError } from '../values.js';

/** What follows the name of each instruction of a script; a question mark means that it may be missing. */
const SHAPES = {
  set: ['variable', 'text?'],
  print: ['text?'],
  printn: ['text?'],
  read: ['handler'],
  write: ['handler', 'text?'],
  wait: ['time'],
  pause: ['count?'],
  label: ['label'],
  goto: ['label', 'text?'],
  loop: [],
  stop: [],
  end: [],
  exit: [],
  return: ['text?'],
  error: ['text?'],
} as const satisfies Record<string, readonly string[]>;

export type Verb = keyof typeof SHAPES;

export interface Instruction {
  readonly verb: Verb;
  /** Its first word, where it has one that is not free text. */
  readonly name: string;
  /** The rest, before substitution. */
  readonly text: string;
}

const isVerb = (word: string): word is Verb => Object.hasOwn(SHAPES, word);

/** @throws {ValueError} if it is not an instruction, or lacks something. */
export function parseInstruction(source: string): Instruction {
  let { word, rest } = splitWord(source);
  if (!isVerb(word)) throw new ValueError(`expected one of ${Object.keys(SHAPES).join(', ')}, not '${word}'`, 0);
  // As in older versions of Click, `pause` with a unit is a time to wait.
  if (word === 'pause' && /^[\d.]+\s*[a-z]+$/.test(rest)) word = 'wait';
  const verb = word as Verb;
  const [first, ...more] = SHAPES[verb] as readonly string[];
  if (first === undefined || first === 'text?') {
    if (first === undefined && rest !== '') throw new ValueError(`${verb} takes nothing, not '${rest}'`, 0);
    return { verb, name: '', text: rest };
  }
  const { word: name, rest: text } =
    first === 'time' || first === 'count?' ? { word: rest, rest: '' } : splitWord(rest);
  if (name === '' && !first.endsWith('?')) throw new ValueError(`${verb} lacks its ${first}`, 0);
  if (text !== '' && more.length === 0) throw new ValueError(`${verb} takes one word, not '${rest}'`, 0);
  return { verb, name, text };
}

/** Labels that need not be declared. */
export const BUILT_IN = ['begin', 'end', 'exit', 'error'];

/** What is wrong with a script as a whole, if anything. */
export function checkScript(instructions: readonly Instruction[]): string | undefined {
  const labels = instructions.filter(({ verb }) => verb === 'label').map(({ name }) => name);
  const twice = labels.find((label, i) => labels.indexOf(label) !== i || BUILT_IN.includes(label));
  if (twice !== undefined) return `the label ${twice} is declared twice`;
  const missing = instructions.find(({ verb, name }) => verb === 'goto' && ![...labels, ...BUILT_IN].includes(name));
  return missing && `there is no label ${missing.name}`;
}
