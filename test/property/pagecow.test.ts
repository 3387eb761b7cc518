import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { PAGE_SIZE, type PageClone, type PageRange, Pool } from '../../src/farm/pool.js';

/** Pages of the image: more than two page tables' worth, so that windows cross from one into the next. */
const PAGES = 1100;
const SIZE = PAGES * PAGE_SIZE;

const reference = new Uint8Array(SIZE);
for (let at = 0; at < SIZE; at++) reference[at] = (at >> 12) * 7 + at;
// A hole of the image.
reference.fill(0, 40 * PAGE_SIZE, 80 * PAGE_SIZE);

/** What a clone should be: a map of written pages over the reference. */
class Model {
  readonly pages = new Map<number, Uint8Array>();

  page(page: number): Uint8Array {
    return this.pages.get(page) ?? reference.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
  }

  own(page: number): Uint8Array {
    const copy = this.pages.get(page) ?? this.page(page).slice();
    this.pages.set(page, copy);
    return copy;
  }

  write(offset: number, bytes: Uint8Array): void {
    bytes.forEach((byte, i) => {
      this.own(Math.floor((offset + i) / PAGE_SIZE))[(offset + i) % PAGE_SIZE] = byte;
    });
  }

  read(offset: number, length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, i) => {
      return this.page(Math.floor((offset + i) / PAGE_SIZE))[(offset + i) % PAGE_SIZE]!;
    });
  }
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
const pagesOf = (ranges: PageRange[]) =>
  ranges.flatMap(({ offset, length }) => Array.from({ length: length / PAGE_SIZE }, (_, i) => offset / PAGE_SIZE + i));
const sorted = (pages: Iterable<number>) => [...pages].sort((a, b) => a - b);

const clone = fc.nat({ max: 3 });
const page = fc.oneof(fc.nat({ max: PAGES - 1 }), fc.integer({ min: 510, max: 514 }));
const window = fc
  .tuple(page, fc.oneof(fc.nat({ max: PAGE_SIZE - 1 }), fc.constant(PAGE_SIZE - 1)), fc.nat({ max: 3 * PAGE_SIZE }))
  .map(([page, within, length]) => {
    const offset = page * PAGE_SIZE + within;
    return { offset, length: Math.min(length, SIZE - offset) };
  });

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('write' as const), clone, window, value: fc.nat({ max: 255 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), clone, window }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('touch' as const), clone, pages: fc.array(page) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), clone }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replace' as const), clone }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('dirty' as const), clone }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('diff' as const), clone, other: clone }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('move' as const), clone, other: clone }) },
);

for (const scan of ['auto', 'pagemap'] as const) {
  t.test(`clones behave like maps of pages over the reference (scan ${scan})`, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'pagecow-'));
    t.teardown(() => rm(dir, { recursive: true }));
    const pool = new Pool({ budget: 1 << 28, scan });
    t.teardown(() => pool.close());
    const image = pool.createImage(SIZE);
    image.write(0, reference.subarray(0, 40 * PAGE_SIZE));
    image.write(80 * PAGE_SIZE, reference.subarray(80 * PAGE_SIZE));
    image.seal();

    const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const clones = Array.from({ length: 4 }, () => image.clone());
      const models = Array.from({ length: 4 }, () => new Model());
      try {
        for (const step of steps) {
          const clone = clones[step.clone]!;
          const model = models[step.clone]!;
          if (step.do === 'write') {
            const bytes = Uint8Array.from({ length: step.window.length }, (_, i) => step.value + i);
            clone.write(step.window.offset, bytes);
            model.write(step.window.offset, bytes);
          } else if (step.do === 'read') {
            const into = new Uint8Array(step.window.length);
            clone.read(step.window.offset, into);
            if (!same(into, model.read(step.window.offset, into.length))) throw new Error('read');
          } else if (step.do === 'touch') {
            clone.touch(Uint32Array.from(step.pages));
            for (const page of step.pages) model.own(page);
          } else if (step.do === 'reset') {
            clone.reset();
            model.pages.clear();
          } else if (step.do === 'replace') {
            clone.close();
            clones[step.clone] = image.clone();
            model.pages.clear();
          } else if (step.do === 'dirty') {
            equal(pagesOf(clone.dirtyRanges()), sorted(model.pages.keys()), 'dirty pages');
          } else if (step.do === 'diff') {
            const other = models[step.other]!;
            const pages = sorted(new Set([...model.pages.keys(), ...other.pages.keys()]));
            const different = pages.filter((page) => !same(model.page(page), other.page(page)));
            equal(pagesOf(clone.diff(clones[step.other]!)), different, 'diff');
          } else {
            const file = join(dir, 'delta');
            await clone.exportDelta(file);
            await clones[step.other]!.importDelta(file);
            const pages = [...model.pages].map(([page, bytes]) => [page, bytes.slice()] as const);
            models[step.other]!.pages.clear();
            for (const [page, bytes] of pages) models[step.other]!.pages.set(page, bytes);
          }
        }
        const dirty = models.reduce((sum, { pages }) => sum + pages.size * PAGE_SIZE, 0);
        equal([pool.accounts.delta, pool.measure().delta], [dirty, dirty], 'accounts');
        clones.forEach((clone, i) => {
          compare(clone, models[i]!);
        });
      } finally {
        for (const clone of clones) clone.close();
      }
      equal([pool.accounts.delta, pool.accounts.tables], [0, 0], 'accounts of nothing');
    });
    await fc.assert(property, { numRuns: 60 });
    const now = new Uint8Array(SIZE);
    image.read(0, now);
    t.ok(same(now, reference), 'the image is what it was');
  });
}

function compare(clone: PageClone, model: Model): void {
  const all = new Uint8Array(SIZE);
  clone.read(0, all);
  for (let page = 0; page < PAGES; page++) {
    const bytes = all.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    if (!same(bytes, model.page(page))) throw new Error(`page ${page} differs from the model`);
  }
}

function equal(found: number[], wanted: number[], what: string): void {
  if (String(found) !== String(wanted)) throw new Error(`${what}: ${found}, not ${wanted}`);
}
