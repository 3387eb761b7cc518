import type { Diagnostics } from './diagnostics.js';

export interface Source {
  file: string;
  text: string;
}

export type ReadLibrary = (name: string, from: string) => Source | undefined;

/** How deep compounds, groups and libraries may nest, all together. */
export const MAX_DEPTH = 50;
/** Ports that one read may list in all, which bounds what `[0-4095], [0-4095], …` can grow to. */
const MAX_PORTS = 1_000_000;

/** What the parsers of a file and of the libraries it requires share. */
export interface Reading {
  diagnostics: Diagnostics;
  readLibrary: ReadLibrary | undefined;
  /** Files read already; a library is read once. */
  libraries: Set<string>;
  /** Names passed over after an error: they may have been declarations, so that missing them is no further error. */
  skipped: Set<string>;
  ports: { left: number };
}

export function newReading(diagnostics: Diagnostics, readLibrary: ReadLibrary | undefined): Reading {
  return { diagnostics, readLibrary, libraries: new Set(), skipped: new Set(), ports: { left: MAX_PORTS } };
}
