/** Farms whose clones are captured, for tests. */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import { CloneFarm } from '../../../src/elements/CloneFarm.js';
import { readCapture } from '../../../src/farm/capture-record.js';
import type { EngineEvent } from '../../../src/pipeline/events.js';
import { CloneFarm as HostileFarm } from '../../property/hostile.js';
import { bench } from '../elements/farm-bench.js';

/** A small image: before the first capture of a clone the whole of its image is hashed. */
const IMAGE =
  'memory 1M\nttl 64\nwindow 64240\nmss 1460\noptions mss\ntcp 80 silent\ntcp others closed\ndirty birth 3\n';

export type Event<K extends EngineEvent['kind']> = Extract<EngineEvent, { kind: K }>;

async function living<Farm extends CloneFarm>(
  t: Test,
  config: string,
  Class: new (...args: never[]) => Farm,
  capture = 'always',
) {
  const state = t.testdir({ 'linux.image': IMAGE });
  const made = await bench<Farm>(t, `CAPTURE ${capture}${config && `, ${config}`}`, Class as never, {
    images: state,
    state,
  });
  const told = <K extends EngineEvent['kind']>(kind: K) =>
    made.events.filter((event): event is Event<K> => event.kind === kind);
  return {
    ...made,
    state,
    captures: join(state, 'captures'),
    told,
    /** Waits for so many events of a kind. */
    async until<K extends EngineEvent['kind']>(kind: K, count: number): Promise<Event<K>[]> {
      for (let tries = 0; told(kind).length < count; tries++) {
        if (tries > 2000) throw new Error(`${told(kind).length} of ${count} events '${kind}' after 10 s`);
        await setTimeout(5);
      }
      return told(kind);
    },
    /** The records of what was captured, in order. */
    records: () => Promise.all(told('captured').flatMap(({ path }) => (path === undefined ? [] : [readCapture(path)]))),
    /** Clones as they are listed, by number. */
    states(): Record<number, string> {
      const lines = made.element.handlers().clones.read().split('\n').filter(Boolean);
      return Object.fromEntries(lines.map((line) => JSON.parse(line)).map(({ clone, state }) => [clone, state]));
    },
    metric: (name: string, label: string): number =>
      (made.element.metrics as unknown as Record<string, Record<string, { value: number }>>)[name]![label]!.value,
  };
}

/** Clones that are simulated. */
export const simulated = (t: Test, config = '', capture?: string) => living(t, config, CloneFarm, capture);

/** Clones that do what a test says. */
export const hostile = (t: Test, config = '') => living(t, config, HostileFarm);
