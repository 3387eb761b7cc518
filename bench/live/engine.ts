/** A gateway of the suite live, in a process of its own: engine.js NAMESPACE GRAPH [NAME=VALUE…]. It looks when it is told to. */
import { PerformanceObserver } from 'node:perf_hooks';
import { elements } from '../../src/elements/index.js';
import { native } from '../../src/native/addon.js';
import { Engine } from '../../src/pipeline/engine.js';
import { Registry } from '../../src/pipeline/registry.js';
import { readChain } from '../chain.js';
import { Take } from '../elements/Take.js';
import type { Look } from './looks.js';

const [space, graph, ...defines] = process.argv.slice(2) as [string, string, ...string[]];
native.enterNamespace(space);
const pauses: number[] = [];
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) pauses.push(duration);
}).observe({ entryTypes: ['gc'] });

const engine = new Engine(
  readChain(graph, Object.fromEntries(defines.map((define) => define.split('=') as [string, string]))),
  new Registry([...elements.names.map((name) => elements.get(name)!), Take]),
  { onEvent: (event) => event.kind === 'warning' && console.error(`live: ${event.message}`) },
);
// As in the gateway, where the control plane reads the counters.
const slots = new Float64Array(engine.stats.share());
const drops = engine.stats.descriptions.find(({ name }) => name === 'kernel_drops')!;
const source = engine.links.find(({ from }) => from.element.name === drops.labels['element'])!;

function look(): Look {
  const { user, system } = process.cpuUsage();
  return {
    received: source.packets.value,
    dropped: slots[drops.at]!,
    processor: (user + system) * 1000,
    kernel: system * 1000,
    pauses: pauses.splice(0),
  };
}

process.on('message', () => process.send!(look()));
process.on('disconnect', () => engine.halt());
await engine.start();
process.send!(look());
await engine.run();
await engine.stop();
