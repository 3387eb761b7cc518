import t from 'tap';
import { EventQueue } from '../../../src/control/event-queue.js';
import type { EngineEvent } from '../../../src/pipeline/events.js';

const event = (message: string): EngineEvent => ({ kind: 'warning', element: 'e', message });
const turn = () => new Promise((next) => setImmediate(next));

t.test('one batch is under way at a time', async (t) => {
  const sent: string[][] = [];
  const queue = new EventQueue(
    (events) => sent.push(events.map((each) => ('message' in each ? each.message : ''))),
    () => t.fail('nothing is lost'),
  );
  queue.push(event('a'));
  queue.push(event('b'));
  t.same(sent, [], 'what happens together travels together');
  await turn();
  t.same(sent, [['a', 'b']]);
  queue.push(event('c'));
  await turn();
  queue.push(event('d'));
  await turn();
  t.same(sent, [['a', 'b']], 'the next batch waits until the last is taken');
  queue.taken();
  t.same(sent, [
    ['a', 'b'],
    ['c', 'd'],
  ]);
  queue.taken();
  queue.push(event('e'));
  await turn();
  t.same(sent[2], ['e']);
});

t.test('what does not fit is lost and counted', async (t) => {
  let lost = 0;
  const sent: number[] = [];
  const queue = new EventQueue(
    (events) => sent.push(events.length),
    () => lost++,
    3,
  );
  for (let i = 0; i < 5; i++) queue.push(event(''));
  t.equal(lost, 2);
  await turn();
  for (let i = 0; i < 4; i++) queue.push(event(''));
  t.equal(lost, 3);
  queue.flush();
  t.same(sent, [3, 3], 'at the end all that waits is sent');
});
