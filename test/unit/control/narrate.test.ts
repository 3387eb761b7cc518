import t from 'tap';
import { eventJson, narrate } from '../../../src/control/narrate.js';
import { parseAddress } from '../../../src/packet/address.js';
import type { EngineEvent } from '../../../src/pipeline/events.js';

const at = (text: string) => parseAddress(text)!;

const universe: EngineEvent = {
  kind: 'universe',
  universe: 17,
  universeKind: 'closed',
  source: at('198.51.100.7'),
  target: at('10.99.3.4'),
};
const clone: EngineEvent = {
  kind: 'clone',
  clone: 3,
  universe: 17,
  address: at('10.99.3.4'),
  image: 'linux',
  cause: { source: at('198.51.100.7'), clone: 0 },
  depth: 0,
  origin: 'warm',
  seconds: 0.0004,
};
const verdict: EngineEvent = {
  kind: 'verdict',
  clone: 3,
  universe: 17,
  verdict: 'reflect',
  rule: 'policies/reflect.policy:7',
  source: at('10.99.3.4'),
  target: at('203.0.113.9'),
  proto: 6,
  port: 445,
};

t.test('events in plain words', async (t) => {
  const says = (event: EngineEvent, words: string) => t.equal(narrate(event), words);
  says(
    { kind: 'export', stopped: true, by: 'SIGUSR1', reason: 'a\nsignal' },
    'EXPORT IS STOPPED, by SIGUSR1: a\\x0asignal',
  );
  says({ kind: 'export', stopped: false, by: 'bob', reason: 'no worm' }, 'export is allowed again, by bob: no worm');
  says(
    { ...verdict, verdict: 'stopped' },
    'clone 3 tried to reach 203.0.113.9:445/tcp: held back, as export is stopped (rule policies/reflect.policy:7)',
  );
  says(universe, 'universe 17: 198.51.100.7 contacted 10.99.3.4');
  says(clone, 'clone 3 (linux) plays 10.99.3.4 in universe 17, ready in 0.4 ms (warm)');
  says(
    { ...clone, clone: 4, depth: 1, cause: { source: at('10.99.3.4'), clone: 3 }, origin: 'cold', seconds: 2.25 },
    'clone 4 (linux) plays 10.99.3.4 in universe 17 because clone 3 called it, ready in 2.3 s (cold)',
  );
  says(verdict, 'clone 3 tried to reach 203.0.113.9:445/tcp: reflected (rule policies/reflect.policy:7)');
  says(
    { ...verdict, quota: 'tcp 20/hour per clone: 20 of 20 used' },
    'clone 3 tried to reach 203.0.113.9:445/tcp: reflected (rule policies/reflect.policy:7; over tcp 20/hour per clone: 20 of 20 used)',
  );
  says(
    { ...verdict, proto: 1, port: 8, verdict: 'drop' },
    'clone 3 tried to reach 203.0.113.9/icmp: dropped (rule policies/reflect.policy:7)',
  );
  says(
    { ...verdict, proto: 47, verdict: 'sink' },
    'clone 3 tried to reach 203.0.113.9/protocol 47: sink (rule policies/reflect.policy:7)',
  );
  says(
    {
      ...{ kind: 'sink', clone: 3, universe: 17, source: 1, target: at('203.0.113.9'), port: 80 },
      what: 'GET http://x/\x1b[2J',
    },
    'clone 3 at 203.0.113.9:80, a sink: GET http://x/\\x1b[2J',
  );
  says(
    { kind: 'gone', clone: 3, universe: 17, address: at('10.99.3.4'), ending: 'recycled', reason: 'idle for 60 s' },
    'clone 3, which played 10.99.3.4 in universe 17, is gone: idle for 60 s',
  );
  says(
    {
      ...{ kind: 'malicious', clone: 3, universe: 17, address: at('10.99.3.4'), score: 70 },
      reasons: ['opened 1 connection of its own', 'sent what it had been sent: 2c26b46b68ffc68f'],
    },
    'clone 3, which plays 10.99.3.4 in universe 17, is malicious (score 70): it opened 1 connection of its own, sent what it had been sent: 2c26b46b68ffc68f',
  );
  const captured = { kind: 'captured', clone: 3, universe: 17, address: at('10.99.3.4'), outcome: 'captured' } as const;
  says(
    { ...captured, why: 'opened 1 connection of its own', path: '/var/lib/potemkin/captures/x' },
    'clone 3, which played 10.99.3.4, is captured in /var/lib/potemkin/captures/x: it opened 1 connection of its own',
  );
  says(
    { ...captured, why: 'listens on tcp 4444', outcome: 'failed', reason: 'ENOSPC' },
    'clone 3, which played 10.99.3.4, could not be captured (failed: ENOSPC): it listens on tcp 4444',
  );
  says(
    { ...captured, clone: 0, why: 'reached depth 2', path: '/x' },
    'universe 17 is captured in /x: it reached depth 2',
  );
  says({ kind: 'error', element: 'dump', message: 'in.pcap is cut off' }, 'error: dump: in.pcap is cut off');
});

t.test('an event is one line, and cannot talk to the terminal', async (t) => {
  const hostile: EngineEvent = { kind: 'warning', element: 'e', message: 'a\nfake line\x1b[2J\u2028\x9b' };
  t.equal(narrate(hostile), 'warning: e: a\\x0afake line\\x1b[2J\\x2028\\x9b');
  t.notMatch(eventJson(hostile, new Date(0)), /\p{Cc}/u);
});

t.test('events as JSON have addresses as people write them', async (t) => {
  t.same(JSON.parse(eventJson(clone, new Date(0))), {
    time: '1970-01-01T00:00:00.000Z',
    ...clone,
    address: '10.99.3.4',
    cause: { source: '198.51.100.7', clone: 0 },
  });
  const { source, target, port } = JSON.parse(eventJson(verdict, new Date(0)));
  t.same([source, target, port], ['10.99.3.4', '203.0.113.9', 445]);
});
