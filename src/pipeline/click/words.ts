import type { Position } from './diagnostics.js';
export interface Argument {
  text: string;
  position: Position;
}
export function splitKeyword(a: Argument): { keyword: string; value: string; valuePosition: Position } | undefined {
  const m = /^([A-Z][A-Z0-9_]*)(?:\s+([\s\S]*))?$/.exec(a.text);
  return m ? { keyword: m[1]!, value: m[2] ?? '', valuePosition: a.position } : undefined;
}
