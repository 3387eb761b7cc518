import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Take } from '../../../bench/elements/Take.js';
import { commonOf } from '../../../src/control/spread.js';
import { elements } from '../../../src/elements/index.js';
import { workerFor } from '../../../src/packet/spread.js';
import { checkGraph } from '../../../src/pipeline/check.js';
import { Clock } from '../../../src/pipeline/clock.js';
import { Element } from '../../../src/pipeline/element.js';
import { Engine } from '../../../src/pipeline/engine.js';
import { Registry } from '../../../src/pipeline/registry.js';
import type { Spec } from '../../../src/pipeline/spec.js';
import { craft } from '../craft.js';
import { greVariant, greVariants } from '../gre-variants.js';

const CONFIG = fileURLToPath(new URL('../../../../config/', import.meta.url));

const spec = {
  summary: 'gives one packet a turn',
  inputs: {},
  outputs: { out: 'packets' },
  config: {},
  drops: {},
} as const satisfies Spec;

class Feed extends Element<typeof spec> {
  static readonly spec = spec;
  next: Uint8Array | undefined;

  override pull(): boolean {
    if (!this.next) return false;
    const row = this.packets.take();
    this.packets.bytes.set(this.next, this.packets.start[row]!);
    this.packets.length[row] = this.next.length;
    this.next = undefined;
    this.out.out.add(row);
    return false;
  }
}

const GRAPH = `
  Feed -> GreDecap -> CheckIPHeader -> ours :: IPFilter(allow dst net 10.99.0.0/16) -> [outside] flows :: FlowTable;
  Idle -> [inside] flows; flows[inside] -> Discard;
  flows[known] -> Counter -> take :: Take -> Discard;
  flows[new] -> scans :: ScanFilter(TARGETS 2, WINDOW 60s, SCANS 4096);
  scans[pass] -> UniverseTagger -> Dispatcher(MAP addresses.map) -> taken :: Take -> Discard;
  scans[scan] -> Discard;
  flows[stray] -> Discard;`;

/** Packets that scan, go on, come late, or are damaged, all at random; and when each comes. */
function traffic(count: number): { bytes: Uint8Array; at: number }[] {
  let state = 20_050_101;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
  return Array.from({ length: count }, (_, i) => {
    const dst = 0x0a630000 + random(40);
    const odd = random(30) === 0;
    if (odd) {
      const kinds = greVariants(dst);
      return { bytes: kinds[random(kinds.length)]!, at: i / 10 };
    }
    const proto = [6, 6, 6, 17, 1][random(5)]!;
    const inner = craft({
      ...{ proto, dst: random(50) === 0 ? 0x0b000001 : dst, src: 0x01020300 + random(12) },
      ...{ sport: 1024 + random(3), dport: [445, 80][random(2)]!, tcpFlags: random(6) === 0 ? 0x10 : 2 },
    });
    return { bytes: greVariant({ inner }), at: i / 10 };
  });
}

/**
 * What became of each packet: all links and drops that have counted it, in one of so many workers.
 * @param late seconds by which the clock of each worker is behind that of the one before
 */
async function verdicts(packets: ReturnType<typeof traffic>, workers: number, late = 0): Promise<string[]> {
  const registry = new Registry([...elements.names.map((name) => elements.get(name)!), Take, Feed]);
  const { graph, diagnostics } = checkGraph({ file: `${CONFIG}test.click`, text: GRAPH }, registry, {});
  if (!graph) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  const common = workers > 1 ? { common: commonOf(graph, 1n) } : {};
  const planes = Array.from({ length: workers }, (_, worker) => {
    const clock = new Clock({ virtual: true, now: 1_000_000 });
    const engine = new Engine(graph, registry, { ...common, clock, seed: 1n, share: { worker, workers } });
    const slots = new Float64Array(engine.stats.share());
    const told = engine.stats.descriptions.filter(({ name }) => name === 'link_packets' || name === 'dropped_packets');
    return { engine, clock, slots, told, feed: engine.elements.find((each) => each instanceof Feed) as Feed };
  });
  for (const { engine } of planes) await engine.start();
  const found = packets.map(({ bytes, at }) => {
    for (const [worker, { clock }] of planes.entries()) clock.advance(1_000_000 + at - worker * late);
    const { engine, slots, told, feed } = planes[workerFor(bytes, workers)]!;
    const before = told.map((stat) => slots[stat.at]!);
    feed.next = bytes;
    while (engine.turn());
    return told
      .flatMap(({ labels, at }, i) => (slots[at]! > before[i]! ? [Object.values(labels).join(' ')] : []))
      .join(', ');
  });
  for (const { engine } of planes) await engine.stop();
  return found;
}

t.test('several workers decide about every packet as one does', async (t) => {
  const packets = traffic(900);
  const alone = await verdicts(packets, 1);
  for (const what of [
    /flows\[known\]/,
    /scans\[pass\]/,
    /scans\[scan\]/,
    /flows\[stray\]/,
    /gre-version/,
    /gre-checksum/,
  ]) {
    t.ok(
      alone.some((each) => what.test(each)),
      `among them: ${what}`,
    );
  }
  for (const workers of [2, 4]) {
    const share = packets.map(({ bytes }) => workerFor(bytes, workers));
    t.equal(new Set(share).size, workers, 'all have something to do');
    const spread = await verdicts(packets, workers);
    const differ = alone.flatMap((verdict, i) => (spread[i] === verdict ? [] : [`${i}: ${verdict} / ${spread[i]}`]));
    t.same(differ, [], `${workers} workers`);
  }
});

t.test('a scan is not begun anew by a worker whose clock is behind', async (t) => {
  const sweep = Array.from({ length: 40 }, (_, i) => ({
    bytes: greVariant({ inner: craft({ proto: 6, src: 0x01020304, dst: 0x0a630000 + i, dport: 445 }) }),
    at: 1,
  }));
  for (const late of [0.01, -0.01]) {
    const found = await verdicts(sweep, 2, late);
    t.equal(found.filter((each) => /scans\[pass\]/.test(each)).length, 2, `TARGETS in all, ${late} s`);
  }
});
