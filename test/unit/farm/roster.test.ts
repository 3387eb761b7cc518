import t from 'tap';
import { elements } from '../../../src/elements/index.js';
import { checkGraph } from '../../../src/pipeline/check.js';
import { Clock } from '../../../src/pipeline/clock.js';
import { Engine } from '../../../src/pipeline/engine.js';
import { Registry } from '../../../src/pipeline/registry.js';
import { CloneFarm, GreTunnel } from '../../property/hostile.js';
import { craft } from '../craft.js';

const registry = new Registry([
  ...elements.names.filter((name) => !['CloneFarm', 'GreTunnel'].includes(name)).map((name) => elements.get(name)!),
  CloneFarm,
  GreTunnel,
]);

/** Of each packet from outside one copy goes to each farm; the second one's go there a turn later. */
const TEXT = `
tunnel :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1) -> CheckIPHeader -> UniverseTagger
  -> sort :: IPClassifier(dst host 10.99.0.1, -);
sort[0] -> bind :: Dispatcher(MAP a.map) -> first :: CloneFarm -> Idle;
sort[1] -> other :: Dispatcher(MAP a.map) -> second :: CloneFarm -> CheckIPHeader -> bind;
Idle -> tunnel;`;

t.test('a universe may span two farms, whose clones nobody takes for each other', async (t) => {
  const folder = t.testdir({ 'a.map': '0.0.0.0/0 linux\n' });
  const { graph, diagnostics } = checkGraph(
    { file: `${folder}/g.click`, text: TEXT.replace('UniverseTagger', 'UniverseTagger(KEY source)') },
    registry,
  );
  t.same(diagnostics, []);
  const engine = new Engine(graph!, registry, { clock: new Clock({ virtual: true, now: 1000 }), checked: true });
  await engine.start();
  t.teardown(() => engine.stop());
  const [first, second] = engine.elements.filter((each): each is CloneFarm => each instanceof CloneFarm);
  const tunnel = engine.elements.find((each): each is GreTunnel => each instanceof GreTunnel)!;
  const run = () => {
    while (engine.turn());
  };
  const got: [number, number][] = [];
  for (const { hostile } of [first!, second!])
    hostile.onDeliver = (puppet, packet) => got.push([puppet.id, packet.readUInt16BE(4)]);
  for (const [id, dst] of [
    [1, 0x0a630001],
    [2, 0x0a630002],
  ] as const)
    tunnel.incoming.push(craft({ dst, id }));
  run();
  const [a, b] = [first!.hostile.alive[0]!, second!.hostile.alive[0]!];
  t.not(a.id, b.id, 'numbers differ');
  t.equal(a.universe, b.universe);
  t.same(
    got.sort(),
    [
      [a.id, 1],
      [b.id, 2],
    ].sort(),
  );

  // The first farm gets a packet for what the second one plays.
  second!.hostile.emit(
    b.id,
    Buffer.concat([Buffer.alloc(12, 2), Buffer.from([8, 0]), craft({ src: b.address, dst: b.address })]),
  );
  run();
  t.equal(first!.drops.elsewhere.value, 1);
  t.equal(got.length, 2, 'nobody got it');

  // Whom the other farm's clone calls has it as parent.
  second!.hostile.emit(
    b.id,
    Buffer.concat([Buffer.alloc(12, 2), Buffer.from([8, 0]), craft({ src: b.address, dst: 0xc6336409 })]),
  );
  run();
  const [, called] = first!
    .handlers()
    .clones.read()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.match(called, { address: '198.51.100.9', depth: 2 });
});
