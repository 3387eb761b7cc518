import { REWRITE } from '../../packet/rewrite/column.js';
import type { Substitution } from '../../packet/rewrite/substitution.js';

/** Numbers what policies replace, for the column `rewrite`. The same text has the same number. */
export class Rewrites {
  /** Whether there is an element that does it. */
  present = false;
  private readonly all: Substitution[] = [];
  private readonly numbers = new Map<string, number>();

  /** The number of a substitution plus 1; 0 for none. @throws {Error} if there have been too many */
  column(substitution: Substitution | undefined): number {
    if (substitution === undefined) return 0;
    const known = this.numbers.get(substitution.text);
    if (known !== undefined) return known;
    if (this.all.length === REWRITE.number)
      throw new Error(`there have been ${REWRITE.number} different substitutions since the start`);
    const number = this.all.push(substitution);
    this.numbers.set(substitution.text, number);
    return number;
  }

  /** What a value of the column stands for; undefined for 0. */
  get(column: number): Substitution | undefined {
    return this.all[column - 1];
  }
}
