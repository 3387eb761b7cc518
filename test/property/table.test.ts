import fc from 'fast-check';
import t from 'tap';
import { Table } from '../../src/packet/table.js';

type Step =
  | { do: 'upsert'; keys: number[] }
  | { do: 'lookup'; keys: number[] }
  | { do: 'remove'; key: number }
  | { do: 'sweep'; budget: number }
  | { do: 'wait'; time: number };

const key = fc.nat(80);
const batch = fc.array(key, { minLength: 1, maxLength: 70 });
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('upsert' as const), keys: batch }),
    fc.record({ do: fc.constant('lookup' as const), keys: batch }),
    fc.record({ do: fc.constant('remove' as const), key }),
    fc.record({ do: fc.constant('sweep' as const), budget: fc.nat(6) }),
    fc.record({ do: fc.constant('wait' as const), time: fc.nat(12) }),
  ),
  { maxLength: 40 },
);
const shape = fc.record({
  keyWords: fc.integer({ min: 1, max: 8 }),
  valueWords: fc.integer({ min: 1, max: 3 }),
  capacity: fc.integer({ min: 1, max: 60 }),
  seed: fc.uint8Array({ minLength: 16, maxLength: 16 }),
});

const TIMEOUT = 20;

/** A table beside a Map of what it must hold. The value of an entry is a number unique to its insertion. */
class Model {
  readonly options: ConstructorParameters<typeof Table>[0];
  readonly table: Table;
  readonly held = new Map<number, { slot: number; seen: number; value: number }>();
  now = 0xffff_ffe0; // wraps soon
  inserted = 0;

  constructor(options: ConstructorParameters<typeof Table>[0]) {
    this.options = options;
    this.table = new Table({ ...options, timeout: TIMEOUT, batch: 70 });
  }

  alive(key: number) {
    const entry = this.held.get(key);
    return entry && (this.now - entry.seen) >>> 0 <= TIMEOUT ? entry : undefined;
  }

  get living(): number[] {
    return [...this.held.keys()].filter((key) => this.alive(key));
  }

  write(keys: number[]): void {
    const { table } = this;
    table.keys.fill(0);
    keys.forEach((key, i) => {
      table.keys[i * table.keyWords] = key;
      table.keys[(i + 1) * table.keyWords - 1] = key;
    });
  }

  lookup(keys: number[]): void {
    this.write(keys);
    this.table.lookup(keys.length, this.now);
    keys.forEach((key, i) => {
      const entry = this.alive(key);
      const slot = this.table.slots[i]!;
      if (slot !== (entry?.slot ?? -1)) throw new Error(`key ${key} in slot ${slot}, not ${entry?.slot}`);
      if (entry && this.table.values[slot * this.table.stride] !== entry.value) throw new Error('a wrong value');
    });
  }

  /** One key at a time, because what may be refused depends on the state before it. */
  upsert(key: number): void {
    const { table } = this;
    const living = this.living;
    const entry = this.alive(key);
    const before = table.size;
    this.write([key]);
    table.upsert(1, this.now);
    const slot = table.slots[0]!;
    if (entry) {
      if (slot !== entry.slot || table.fresh[0]) throw new Error(`key ${key} was there`);
      entry.seen = this.now;
      return;
    }
    if (slot === -1) {
      if (this.options.full === 'forget oldest') throw new Error('refused, but it should forget');
      if (before < table.capacity) throw new Error('refused, but there is room');
      return;
    }
    if (!table.fresh[0]) throw new Error(`key ${key} is new`);
    if (table.values[slot * table.stride] !== 0) throw new Error('a new value that is not zero');
    if (living.length === table.capacity) this.forgetOne(living);
    for (const other of this.living) {
      if (this.held.get(other)!.slot === slot) throw new Error('a slot that is taken');
    }
    this.held.delete(key);
    table.values[slot * table.stride] = ++this.inserted;
    this.held.set(key, { slot, seen: this.now, value: this.inserted });
  }

  /** The table was full of living entries: it must have forgotten one of the oldest (with 40 at most, the very oldest). */
  forgetOne(living: number[]): void {
    if (this.options.full !== 'forget oldest') throw new Error('beyond capacity');
    this.write(living);
    this.table.lookup(living.length, this.now);
    const gone = living.filter((_, i) => this.table.slots[i] === -1);
    if (gone.length !== 1) throw new Error(`${gone.length} forgotten`);
    const age = (key: number) => (this.now - this.held.get(key)!.seen) >>> 0;
    const oldest = Math.max(...living.map(age));
    if (this.table.capacity <= 40 && age(gone[0]!) !== oldest) throw new Error('not the oldest');
    this.held.delete(gone[0]!);
  }

  run(step: Step): void {
    if (step.do === 'wait') this.now = (this.now + step.time) >>> 0;
    else if (step.do === 'lookup') this.lookup(step.keys);
    else if (step.do === 'upsert') for (const key of step.keys) this.upsert(key);
    else if (step.do === 'sweep') this.table.sweep(this.now, step.budget);
    else {
      const entry = this.alive(step.key);
      if (!entry) return;
      if (!this.table.remove(entry.slot)) throw new Error('nothing removed');
      this.held.delete(step.key);
    }
    if (this.table.size > this.table.capacity) throw new Error('beyond capacity');
    if (this.table.size < this.living.length) throw new Error('lost entries');
  }
}

for (const full of ['refuse', 'forget oldest'] as const) {
  t.test(`the table behaves as a Map with expiry (${full})`, async (t) => {
    fc.assert(
      fc.property(shape, steps, (shape, steps) => {
        const model = new Model({ ...shape, full });
        for (const step of steps) model.run(step);
        model.lookup(Array.from({ length: 70 }, (_, i) => i));
        model.table.sweep(model.now);
        if (model.table.size !== model.living.length) throw new Error('a sweep left what has expired');
      }),
      { numRuns: 300 },
    );
    t.pass();
  });
}

t.test('a batch does what its keys one by one would do', async (t) => {
  fc.assert(
    fc.property(shape, fc.array(batch, { maxLength: 8 }), (shape, batches) => {
      const one = new Table(shape);
      const all = new Table(shape);
      batches.forEach((keys, now) => {
        const slots: number[] = [];
        for (const key of keys) {
          one.keys.fill(key, 0, one.keyWords);
          one.upsert(1, now);
          slots.push(one.slots[0]!);
        }
        for (const [i, key] of keys.entries()) all.keys.fill(key, i * all.keyWords, (i + 1) * all.keyWords);
        all.upsert(keys.length, now);
        if (slots.some((slot, i) => slot !== all.slots[i])) throw new Error('they differ');
      });
    }),
  );
  t.pass();
});
