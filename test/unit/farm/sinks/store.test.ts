import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SinkStore } from '../../../../src/farm/sinks/store.js';
import { PEER } from './heard.js';

function bench(t: Test, limits: { items?: number; bytes?: number } = {}, folder = join(t.testdir({}), 'sinks')) {
  const warnings: string[] = [];
  const { items = 100, bytes = 1 << 20 } = limits;
  const clock = { now: 1_800_000_000 };
  return {
    folder,
    warnings,
    store: new SinkStore({ folder, items, bytes, clock, warn: (text) => warnings.push(text) }),
  };
}

t.test('an item is a record and its bytes, for their owner alone', async (t) => {
  const { folder, store } = bench(t);
  await store.open();
  t.notOk(existsSync(folder), 'the first item makes the folder');
  t.equal(store.add('mail', PEER, 'eml', Buffer.from('text'), { from: '../../\x1b\x9b[2J' }), '000001');
  store.add('request', PEER, 'body', new Uint8Array(0), { path: '/' });
  await store.close();
  const base = `20270115T080000000Z-mail-u3-c7-${process.pid}-1`;
  t.same(readdirSync(folder).sort(), [
    `${base}.eml`,
    `${base}.json`,
    `${base.replace('mail', 'request').slice(0, -1)}2.json`,
  ]);
  t.equal(statSync(folder).mode & 0o777, 0o700);
  for (const name of readdirSync(folder)) t.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  const record = readFileSync(join(folder, `${base}.json`), 'utf8');
  t.notMatch(record, /[^\n\P{Cc}]/u, 'no controls of a terminal');
  t.match(JSON.parse(record), {
    kind: 'mail',
    time: '2027-01-15T08:00:00.000Z',
    universe: 3,
    clone: 7,
    source: '10.99.1.2',
    target: '203.0.113.9',
    port: 25,
    from: '../../\x1b\x9b[2J',
  });
  t.same(store.counts, { stored: 2, full: 0, busy: 0, failed: 0 });
});

t.test('it holds so many items and bytes, what was there before included', async (t) => {
  const { folder, store } = bench(t, { items: 2 });
  mkdirSync(folder);
  writeFileSync(join(folder, 'old.json'), '{}');
  writeFileSync(join(folder, 'half.eml.part'), 'x');
  await store.open();
  t.same(readdirSync(folder), ['old.json'], 'what was left half-written is gone');
  for (let i = 0; i < 3; i++) store.add('mail', PEER, 'eml', Buffer.from('x'), {});
  await store.close();
  t.same(store.counts, { stored: 1, full: 2, busy: 0, failed: 0 });
  const small = bench(t, { bytes: 20_000 });
  for (let i = 0; i < 3; i++) small.store.add('mail', PEER, 'eml', Buffer.alloc(8000), {});
  await small.store.close();
  t.match(small.store.counts, { stored: 1, full: 2 });
});

t.test('a flood waits up to a bound, and what is more is counted', async (t) => {
  const { store } = bench(t, { items: 1000, bytes: 1 << 30 });
  for (let i = 0; i < 300; i++) store.add('request', PEER, 'body', new Uint8Array(0), {});
  t.equal(store.counts.busy, 300 - 256);
  await store.close();
  t.equal(store.counts.stored, 256);
});

t.test('what cannot be written is counted, and said once', async (t) => {
  const folder = join(t.testdir({ file: '' }), 'file', 'sinks');
  const { store, warnings } = bench(t, {}, folder);
  for (let i = 0; i < 3; i++) store.add('mail', PEER, 'eml', Buffer.from('x'), {});
  await store.close();
  t.match(store.counts, { stored: 0, failed: 3 });
  t.match(warnings, [/cannot be kept: ENOTDIR/]);
  t.equal(warnings.length, 1);
});
