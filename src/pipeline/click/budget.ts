/** What one graph may grow to, however its compounds and variables multiply. */
export const MAX_ELEMENTS = 100_000;
const MAX_CONNECTIONS = 1_000_000;
const MAX_CHARACTERS = 1 << 24;

/** What is left to spend. Each kind that runs out is in `exceeded`, worded as the end of an error message. */
export class Budget {
  readonly exceeded = new Set<string>();
  #elements = MAX_ELEMENTS;
  #connections = MAX_CONNECTIONS;
  #characters = MAX_CHARACTERS;

  spendElement(): boolean {
    return --this.#elements >= 0 || this.exceed(`more than ${MAX_ELEMENTS} elements`);
  }

  spendConnection(): boolean {
    return --this.#connections >= 0 || this.exceed(`more than ${MAX_CONNECTIONS} connections`);
  }

  /** Names, and what variables are replaced by. */
  spendCharacters(count: number): boolean {
    this.#characters -= count;
    return this.#characters >= 0 || this.exceed(`more than ${MAX_CHARACTERS} characters of names and configuration`);
  }

  exceed(what: string): false {
    this.exceeded.add(what);
    return false;
  }
}
