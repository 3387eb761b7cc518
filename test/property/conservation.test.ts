import fc from 'fast-check';
import t from 'tap';
import { elements } from '../../src/elements/index.js';
import { Printer } from '../../src/pipeline/printer.js';
import { isAnyPorts } from '../../src/pipeline/spec.js';
import { columnsOf, craft, wantedPacket } from '../unit/craft.js';
import { type Columns, type RigOptions, rig } from '../unit/rig.js';

interface Case extends RigOptions {
  readonly config?: string;
  /** Packets that one becomes; one if this is absent. */
  readonly copies?: (columns: Columns) => number;
}

const folder = t.testdir({
  'a.map': '10.0.0.0/8 linux\n10.99.0.1 windows\n',
  'a.policy': 'ceiling { tcp }\ntcp and dst port 80 -> forward\ntcp -> reflect\nudp -> redirect dns\n',
});

/** How to make elements that cannot be made without being told how, and in which ways to try others. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  BandwidthMeter: [{ config: '400, 4kBps', outputs: 3 }],
  BandwidthShaper: [{ config: '2000, CAPACITY 5' }],
  CheckPaint: [{ config: '1' }, { config: '1', outputs: 2 }],
  Dispatcher: [{ config: 'MAP a.map', folder }],
  ExportNat: [{ config: 'ADDRESS 192.0.2.1' }],
  ExportPolicy: [{ config: 'POLICY a.policy', folder }],
  GreEncap: [{ config: '192.0.2.1, 192.0.2.2' }, { config: '192.0.2.1, 192.0.2.2, KEY 7, CHECKSUM yes, SEQUENCE yes' }],
  HashSwitch: [{ config: '12, 8', outputs: 3 }],
  IPClassifier: [
    { config: 'tcp syn, dst port 53, icmp type echo', outputs: 3 },
    { config: 'ip[70] & 3 != 0, transp[0:4] > 5, -', outputs: 3 },
  ],
  IPFilter: [{ config: 'drop port 80, allow tcp, 1 all', outputs: 2 }],
  Idle: [{ inputs: 2 }],
  Meter: [{ config: '5, 20', outputs: 3 }],
  Paint: [{ config: '7' }],
  PaintSwitch: [{ outputs: 3, copies: ({ paint }) => (paint === 255 ? 3 : 1) }],
  Queue: [{ config: '3' }, {}],
  RandomSample: [{ config: '0.5' }, { config: 'DROP 0.5', outputs: 2 }],
  RoundRobinSwitch: [{ outputs: 3 }],
  Shaper: [{ config: '10, CAPACITY 5' }],
  Switch: [{ config: '1', outputs: 2 }, { config: '-1' }],
  Tee: [{ outputs: 4, copies: () => 4 }],
};

/** Sources give packets that nobody put in. */
const SOURCES = new Set(['InfiniteSource', 'TimedSource']);

const packet = fc
  .oneof(
    { weight: 4, arbitrary: wantedPacket.map(craft).map((bytes) => ({ bytes, columns: columnsOf(bytes) })) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(wantedPacket.map(craft), fc.nat(), fc.nat({ max: 255 }), fc.nat())
        .map(([bytes, place, value, cut]) => {
          bytes[place % bytes.length] = value;
          return { bytes: bytes.subarray(0, cut % (bytes.length + 1)), columns: {} as Columns };
        }),
    },
    {
      weight: 1,
      arbitrary: fc
        .uint8Array({ maxLength: 100 })
        .map((bytes) => ({ bytes: Buffer.from(bytes), columns: {} as Columns })),
    },
  )
  .chain(({ bytes, columns }) =>
    fc.constantFrom(0, 1, 2, 7, 255).map((paint) => ({ bytes, columns: { ...columns, paint } as Columns })),
  );

/** Seconds to wait between the two halves of the packets. */
const waits = fc.constantFrom(0, 0.01, 1, 100);

const flowOf = ({ src, dst, proto, sport, dport }: Columns) => [src, dst, proto, sport, dport].join();

for (const name of elements.names.filter((name) => !SOURCES.has(name))) {
  const Class = elements.get(name)!;
  const cases = CASES[name] ?? [{}];
  const inputs = isAnyPorts(Class.spec.inputs) ? undefined : Object.keys(Class.spec.inputs).length;
  const missing = Object.values(Class.spec.config).some((key) => !('fallback' in key));
  if (inputs === 0) continue;
  if (!CASES[name] && missing) {
    t.comment(`${name} is not tested here: give it a case`);
    continue;
  }
  for (const { config = '', copies, ...options } of cases) {
    t.test(`${name}(${config}) neither loses nor doubles nor reorders packets`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(packet, { maxLength: 40 }), waits, async (packets, wait) => {
          const bench = rig(Class, config, options);
          bench.engine.services.shared(Printer).write = () => {};
          const width = inputs ?? options.inputs ?? 1;
          const { element } = bench;
          let due = 0;
          const seen: Record<string, number[]> = {};
          const run = () => {
            for (const [port, list] of Object.entries(bench.run())) {
              seen[port] = [...(seen[port] ?? []), ...list.map(({ nsec }) => nsec as number)];
            }
          };
          try {
            for (const [number, { bytes, columns }] of packets.entries()) {
              if (number === packets.length >> 1) {
                run();
                bench.wait(wait);
              }
              bench.put(bytes, { ...columns, nsec: number }, number % width);
              due += copies?.(columns) ?? 1;
            }
            run();
          } finally {
            await bench.engine.stop();
          }
          const out = Object.values(seen).reduce((sum, list) => sum + list.length, 0);
          const dropped = Object.values(element.drops).reduce((sum, drop) => sum + drop.value, 0);
          const ends = out + dropped + (element.waiting ?? 0) + element.sent;
          if (ends !== due) throw new Error(`${due} packets became ${ends}`);
          if (Class.spec.decoupled) return;
          for (const list of Object.values(seen)) {
            const last = new Map<string, number>();
            for (const number of list) {
              const flow = `${number % width} ${flowOf(packets[number]!.columns)}`;
              if ((last.get(flow) ?? -1) >= number) throw new Error(`packet ${number} was overtaken`);
              last.set(flow, number);
            }
          }
        }),
        { numRuns: 40 },
      );
    });
  }
}
