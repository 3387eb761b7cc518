import t from 'tap';
import { describeOutcome, describeTrial, explain, type Question } from '../../../../src/farm/policy/explain.js';
import { openPolicyOf, policyOf } from './asker.js';

const policy = openPolicyOf(`set dns = 192.0.2.53
reply -> forward
udp and (dst set dns or originator) -> forward
universe shared {
  not tcp -> drop
}
image linux {
  dst port 25 and depth > 2 -> reset
}
not dst net 198.51.100.0/24 and not (udp or icmp) -> drop
begun -> limit flows 20/hour per clone, bytes 1M/hour per farm then reflect
`);

const plain: Question = {
  packet: 'tcp 10.99.1.2:4444 > 198.51.100.7:25',
  payload: new Uint8Array(0),
  way: 'begun',
  kind: 'closed',
  depth: 1,
  contacted: true,
  image: undefined,
  age: 0,
  originator: 0,
  toClone: false,
};
const trials = (question: Partial<Question> = {}) => explain(policy, { ...plain, ...question });
const told = (question: Partial<Question> = {}) => trials(question).map((trial) => describeTrial(trial).split('\t')[2]);

t.test('each rule is told with the reason why it does not match', async (t) => {
  t.same(told(), [
    "no, 'reply' does not hold",
    "no, 'udp' does not hold",
    "no, 'universe shared' does not hold",
    "no, 'image linux' does not hold",
    "no, 'dst net 198.51.100.0/24' holds",
    'yes: forward',
  ]);
  t.same(told({ kind: 'shared', image: 'linux', depth: 2, packet: 'udp 10.99.1.2:1 > 192.0.2.7:25' }).slice(1), [
    "no, 'dst set dns' does not hold and 'originator' does not hold",
    'yes: drop',
  ]);
  t.same(told({ image: 'linux', depth: 2 })[3], "no, 'depth > 2' does not hold");
  t.same(told({ packet: 'udp 10.99.1.2:1 > 192.0.2.7:25' })[4], "no, 'udp' holds");
  t.same(told({ image: 'linux', depth: 3 })[3], 'yes: reset');
  t.same(told({ way: 'reply' }), ['yes: forward']);
  t.same(told({ way: 'answer', packet: 'tcp 10.99.1.2:80 > 198.51.100.7:25 syn ack' }).at(-1), 'yes: drop');
});

t.test('what is within the limits and beyond', async (t) => {
  t.same(describeOutcome(trials().at(-1)!.rule.action), [
    'forward within',
    '  flows 20/hour per clone',
    '  bytes 1M/hour per farm',
    'then reflect',
  ]);
});

t.test('a packet that makes no sense is refused', async (t) => {
  for (const packet of [
    '',
    'tcp 10.99.1.2 > 198.51.100.7',
    'icmp 1.2.3.4:5 > 1.2.3.4:5',
    'udp 1.2.3.4:70000 > 1.2.3.4:5',
    'proto 256 1.2.3.4 > 1.2.3.4',
  ])
    t.throws(() => trials({ packet }), { message: /expected a packet such as/ }, packet);
  t.throws(() => trials({ packet: 'udp 1.2.3.4:1 > 1.2.3.4:2 syn' }), {
    message: /expected TCP flags such as 'syn ack'/,
  });
});

t.test('the name that was looked up', async (t) => {
  const named = policyOf('name "*.x.test" -> drop\nall -> reflect\n');
  const say = (name: string) => explain(named, { ...plain, name }).map((trial) => describeTrial(trial).split('\t')[2]);
  t.same(say('WWW.x.test'), ['yes: drop']);
  t.same(say('y.test'), ['no, \'name "*.x.test"\' does not hold', 'yes: reflect']);
});
