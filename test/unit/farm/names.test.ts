import t from 'tap';
import { LearntNames, nameMatches, readNamePattern } from '../../../src/farm/names.js';
import { Universes } from '../../../src/farm/universes.js';
import type { Services } from '../../../src/pipeline/element.js';

function bench() {
  const clock = { now: 1000 };
  const made = new Map<unknown, unknown>();
  const services = {
    clock,
    event() {},
    shared<T>(of: new (services: Services) => T): T {
      if (!made.has(of)) made.set(of, new of(services as unknown as Services));
      return made.get(of) as T;
    },
  };
  return { clock, universes: services.shared(Universes), learnt: services.shared(LearntNames) };
}

t.test('what a universe was told is known in it alone, for an hour', async (t) => {
  const { clock, universes, learnt } = bench();
  const [one, other] = [universes.create(1, 2), universes.create(1, 3)];
  learnt.note(one.id, 'www.example.com', 7);
  learnt.note(one.id, 'mail.example.com', 7);
  t.same(learnt.of(one.id, 7), ['www.example.com', 'mail.example.com']);
  t.same(learnt.of(one.id, 8), []);
  t.same(learnt.of(other.id, 7), []);
  clock.now += 3000;
  learnt.note(one.id, 'www.example.com', 7);
  clock.now += 600;
  t.same(learnt.of(one.id, 7), ['www.example.com'], 'the other one is over');
  learnt.note(other.id, 'a.test', 9);
  t.equal(learnt.size, 2);
  universes.close(one);
  t.same(learnt.of(one.id, 7), []);
  t.equal(learnt.size, 1);
});

t.test('a universe that is told much forgets what is oldest', async (t) => {
  const { universes, learnt } = bench();
  const { id } = universes.create(1, 2);
  for (let address = 0; address < 5000; address++) learnt.note(id, `n${address}.test`, address);
  t.equal(learnt.size, 4096);
  t.equal(learnt.forgotten, 904);
  t.same(learnt.of(id, 903), []);
  t.same(learnt.of(id, 904), ['n904.test']);
  for (let i = 0; i < 100; i++) learnt.note(id, `m${i}.test`, 4999);
  t.equal(learnt.of(id, 4999).length, 8);
  t.equal(learnt.of(id, 4999).at(-1), 'm99.test');
});

t.test('patterns of names', async (t) => {
  for (const [text, pattern] of [
    ['WWW.Example.com.', 'www.example.com'],
    ['*.example.com', '*.example.com'],
    ['_sip._tcp.example', '_sip._tcp.example'],
    ['*', '*'],
    ['', undefined],
    ['a..b', undefined],
    ['a.*.b', undefined],
    ['a b', undefined],
    [`${'a'.repeat(64)}.com`, undefined],
    [`${'a.'.repeat(128)}`, undefined],
  ] as const)
    t.equal(readNamePattern(text), pattern, text);
  t.ok(nameMatches('*', 'anything.test'));
  t.ok(nameMatches('*.test', 'a.b.test'));
  t.notOk(nameMatches('*.test', 'test'));
  t.notOk(nameMatches('*.test', '.test'));
});
