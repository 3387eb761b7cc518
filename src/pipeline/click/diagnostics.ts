/** A place in a source file. Lines and columns count from 1; columns count UTF-16 units. */
export interface Position {
  file: string;
  line: number;
  column: number;
}

export interface Diagnostic {
  position: Position;
  severity: 'error' | 'warning';
  message: string;
}

/** `config/farm.click:12:7: message`; warnings say so. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column } = diagnostic.position;
  const severity = diagnostic.severity === 'warning' ? 'warning: ' : '';
  return `${file}:${line}:${column}: ${severity}${diagnostic.message}`;
}

/** Past this many, more would not help anybody, and a hostile file could ask for millions. */
const LIMIT = 100;

/** Collects diagnostics: each once, and at most 100 of them. */
export class Diagnostics {
  readonly list: Diagnostic[] = [];
  errors = 0;
  readonly #seen = new Set<string>();

  get full(): boolean {
    return this.list.length >= LIMIT;
  }

  /** `key` tells apart what would be the same complaint: one about a compound's body is made once, not for every instance. */
  error(position: Position, message: string, key: string = message): void {
    this.errors++;
    this.#add({ position, severity: 'error', message }, key);
  }

  warning(position: Position, message: string): void {
    this.#add({ position, severity: 'warning', message }, message);
  }

  #add(diagnostic: Diagnostic, key: string): void {
    if (this.full) return;
    const { file, line, column } = diagnostic.position;
    const seen = `${line}:${column}:${file}:${key}`;
    if (this.#seen.has(seen)) return;
    this.#seen.add(seen);
    this.list.push(diagnostic);
    if (this.full)
      this.list.push({ ...diagnostic, severity: 'error', message: 'too many errors, the rest is not shown' });
  }
}
