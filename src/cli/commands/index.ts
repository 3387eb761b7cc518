import type { Command } from 'commander';
import { allowExport } from './allow-export.js';
import { captures } from './captures.js';
import { check } from './check.js';
import { clones } from './clones.js';
import { explain } from './explain.js';
import { flatten } from './flatten.js';
import { graph } from './graph.js';
import { image } from './image.js';
import { lab } from './lab.js';
import { policy } from './policy.js';
import { run } from './run.js';
import { stopExport } from './stop-export.js';
import { universes } from './universes.js';

/** All commands, one a file, in the order of the help text. */
export const commands: readonly (() => Command)[] = [
  run,
  stopExport,
  allowExport,
  clones,
  universes,
  captures,
  image,
  check,
  flatten,
  graph,
  explain,
  policy,
  lab,
];
