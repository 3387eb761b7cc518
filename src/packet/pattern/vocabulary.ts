import type { Node } from './syntax.js';

/** Values from the first to the last, both included. */
export type Range = readonly [first: number, last: number];

/** The words of a pattern, as whoever adds words of his own may read them. */
export interface Words {
  /** The next word, or one further on; empty at the end. A string still has its quotes. */
  word(ahead?: number): string;
  /** The next word, which is done with. */
  take(): string;
  /** @throws {PatternError} about the next word. */
  fail(message: string, unknown?: string): never;
}

/** Words that a pattern may use beside those of Click. */
export interface Vocabulary {
  /** Takes the words of a primitive, if the next one begins one that it knows. */
  fact(words: Words): Node | undefined;
  /** What the name that comes next stands for: ranges that rise and do not touch. It fails if there is no such name. */
  members(kind: 'set' | 'ports', words: Words): readonly Range[];
}
