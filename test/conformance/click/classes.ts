import type { Class, ReadOptions } from '../../../src/pipeline/click/read.js';

/** Classes for tests of the language: what they do does not matter, only their ports. */
const classes: Class[] = [
  { name: 'Source', inputs: [], outputs: ['out'] },
  { name: 'Discard', inputs: ['in'], outputs: [] },
  { name: 'Counter', inputs: ['in'], outputs: ['out'] },
  { name: 'Queue', inputs: ['in'], outputs: ['out'] },
  { name: 'Paint', inputs: ['in'], outputs: ['out'] },
  { name: 'Tee', inputs: ['in'], outputs: 'any' },
  { name: 'Classifier', inputs: ['in'], outputs: 'any' },
  { name: 'RoundRobin', inputs: 'any', outputs: ['out'] },
  { name: 'Idle', inputs: 'any', outputs: 'any' },
  { name: 'Info', inputs: [], outputs: [] },
  { name: 'CheckIPHeader', inputs: ['in'], outputs: ['ok', 'bad'], optionalOutputs: ['bad'] },
  { name: 'FlowTable', inputs: ['outside', 'inside'], outputs: ['known', 'new', 'stray'] },
];

export const options: ReadOptions = {
  findClass: (name) => classes.find((known) => known.name === name),
  classNames: () => classes.map(({ name }) => name),
};
