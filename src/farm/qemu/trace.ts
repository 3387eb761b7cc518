import type { Machine } from './machine.js';

/**
 * How far a machine has come: its process is there; it is restored; it has rehearsed; as a clone it has got its letter, it
 * runs, and it has announced its identity. Clones that get none have no letter and announce nothing.
 */
export type Step = 'launched' | 'restored' | 'rehearsed' | 'posted' | 'running' | 'announced';

/** Is told when a machine has come so far, and which clone it is then. For whoever measures. */
export type Trace = (step: Step, machine: Machine, clone?: number) => void;
