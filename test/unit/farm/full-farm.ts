/** Lets a farm capture a clone into the folder given, whose disk is too small for it, and says how that went. */
import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { at, bench } from '../elements/farm-bench.js';

const [state] = process.argv.slice(2) as [string];
const ends: (() => Promise<void>)[] = [];
const farm = await bench({ teardown: (end) => ends.push(end) }, 'CAPTURE always, IDLE 1s, KEEP 1s', undefined, {
  state,
});
const universe = farm.begin('10.0.0.1');
for (let i = 0; i < 100; i++) {
  farm.send(universe, { dst: at('10.0.0.1'), dport: 9, payload: Buffer.alloc(1400, i) });
  farm.run();
}
universe.clones.get(at('10.0.0.1'))!.opened = 1;
farm.wait(1);
const told = (kind: string) => farm.events.filter((event) => event.kind === kind);
for (let tries = 0; told('gone').length === 0 && tries < 2000; tries++) await setTimeout(5);
console.log(JSON.stringify({ captured: told('captured'), gone: told('gone'), left: readdirSync(`${state}/captures`) }));
for (const end of ends) await end();
