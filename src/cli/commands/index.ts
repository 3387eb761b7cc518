import type { Command } from 'commander';
import { check } from './check.js';
import { explain } from './explain.js';
import { flatten } from './flatten.js';
import { graph } from './graph.js';
import { lab } from './lab.js';
import { policy } from './policy.js';
import { run } from './run.js';

/** All commands, one a file, in the order of the help text. */
export const commands: readonly (() => Command)[] = [run, check, flatten, graph, explain, policy, lab];
