import { oneLine } from '../control/narrate.js';

/** A column: its head, and what it shows of a row. Numbers stand to the right. */
export interface Column<T> {
  readonly head: string;
  readonly right?: true;
  show(row: T): string;
}

/** A table for people, each row a line. */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const lines = [columns.map(({ head }) => head), ...rows.map((row) => columns.map(({ show }) => oneLine(show(row))))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines
    .map((line) => line.map((text, i) => (columns[i]!.right ? text.padStart(widths[i]!) : text.padEnd(widths[i]!))))
    .map((line) => `${line.join('  ').trimEnd()}\n`)
    .join('');
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** `612 KB`, `1.4 MB`, by 1024; `-` if it is not known. */
export function size(bytes: number | null): string {
  if (bytes === null) return '-';
  const unit = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** unit;
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `12 s`, `3 min`, `5 h`, `2 d`: how long ago a time was. */
export function age(time: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds < 100) return `${seconds.toFixed(0)} s`;
  if (seconds < 6000) return `${(seconds / 60).toFixed(0)} min`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(0)} h` : `${(seconds / 86_400).toFixed(0)} d`;
}
