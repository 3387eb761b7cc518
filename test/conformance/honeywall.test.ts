/** The limits of the Honeywall in the shipped graph, from the first packet of a contact to the tunnel, in an hour of fake time. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { elements } from '../../src/elements/index.js';
import { checkGraph } from '../../src/pipeline/check.js';
import { Clock } from '../../src/pipeline/clock.js';
import { Engine } from '../../src/pipeline/engine.js';
import type { EngineEvent } from '../../src/pipeline/events.js';
import { Registry } from '../../src/pipeline/registry.js';
import { CloneFarm, GreTunnel } from '../property/hostile.js';
import { craft, type Wanted } from '../unit/craft.js';

const FILE = 'config/farm.click';
const PEER = 0xc6336401;
const TARGET = 0x0a630001;
const VICTIM = 0xcb007109;
const SYN = 2;

const replaced = [CloneFarm, GreTunnel];
const registry = new Registry([
  ...elements.names.filter((name) => !replaced.some((each) => each.name === name)).map((name) => elements.get(name)!),
  ...replaced,
]);

t.test('20 TCP connections leave in an hour, the 21st is reflected, and then the hour is over', async (t) => {
  const clock = new Clock({ virtual: true, now: 1_000_000 });
  const { graph, diagnostics } = checkGraph({ file: FILE, text: readFileSync(FILE, 'utf8') }, registry, {
    defines: { POLICY: 'policies/honeywall.policy', IDLE: '7200s', KEEP: '7200s' },
  });
  if (!graph) throw new Error(diagnostics.map(({ message }) => message).join());
  const events: EngineEvent[] = [];
  const engine = new Engine(graph, registry, {
    clock,
    seed: 1n,
    checked: true,
    onEvent: (event) => events.push(event),
  });
  const find = (Class: { name: string }) => engine.elements.find(({ className }) => className === Class.name)!;
  const { hostile } = find(CloneFarm) as CloneFarm;
  const tunnel = find(GreTunnel) as GreTunnel;
  await engine.start();
  t.teardown(() => engine.stop());
  const run = () => {
    for (let turns = 0; engine.turn(); turns++) if (turns > 200) throw new Error('the gateway never rests');
    return tunnel.outgoing.splice(0).map(({ packet }) => packet);
  };

  tunnel.incoming.push(craft({ src: PEER, dst: TARGET, proto: 6, sport: 40_000, dport: 80, tcpFlags: SYN }));
  run();
  const [clone] = hostile.alive;
  t.equal(clone?.address, TARGET, 'the first packet makes a clone');
  const id = clone!.id;
  const emit = (wanted: Wanted) => {
    const packet = craft({ src: TARGET, proto: 6, ...wanted });
    hostile.emit(id, Buffer.concat([Buffer.alloc(12, 2), Buffer.from([8, 0]), packet]));
    return run();
  };
  t.equal(emit({ dst: PEER, sport: 80, dport: 40_000, tcpFlags: 18 }).length, 1, 'it answers');

  let sport = 1024;
  const connects = (wanted: Wanted = {}) => emit({ dst: VICTIM, dport: 80, tcpFlags: SYN, sport: sport++, ...wanted });
  const wait = (seconds: number) => clock.advance(clock.now + seconds);
  t.equal(connects({ dport: 25 }).length, 0, 'no mail');
  for (let i = 1; i <= 20; i++) {
    const [packet] = connects();
    t.equal(packet?.readUInt32BE(16), VICTIM, `connection ${i} leaves`);
    wait(120);
  }
  const before = events.length;
  t.same(connects(), [], 'the 21st does not');
  const victim = hostile.alive.find(({ address }) => address === VICTIM);
  t.equal(victim?.universe, clone!.universe, 'another clone of its universe plays the target');
  const [event] = events.slice(before).filter(({ kind }) => kind === 'verdict');
  t.match(event, {
    clone: id,
    verdict: 'reflect',
    rule: /config\/policies\/honeywall\.policy:34$/,
    quota: 'tcp 20/hour per clone: 20 of 20 used',
    source: TARGET,
    target: VICTIM,
    proto: 6,
    port: 80,
  });
  const rule = readFileSync('config/policies/honeywall.policy', 'utf8').split('\n')[33];
  t.equal(rule, 'begun', 'the line is that of the rule');
  wait(3600 - 20 * 120 - 1);
  t.same(connects(), [], 'a second is missing');
  wait(1);
  t.equal(connects({ dst: VICTIM + 1 }).length, 1, 'the hour is over');
  t.ok(
    hostile.alive.some((each) => each.id === id),
    'it was the same clone all the time',
  );
  t.notOk(engine.services.killSwitch.stopped);
});
