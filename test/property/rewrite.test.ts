/** Streams arrive with strings replaced, whatever the network does; and no forbidden one ever does, whatever the sender does. */
import fc from 'fast-check';
import t from 'tap';
import { REWRITE } from '../../src/packet/rewrite/column.js';
import type { Rewriting } from '../../src/packet/rewrite/rewriting.js';
import { bench, CLONE, End, endsOf, OUTSIDE, packetOf, segOf, substitutionOf, through } from './rewrite-rig.js';

/** What is replaced: by something as long, shorter, longer, and by nothing. */
const PAIRS = [
  [['cmd.exe', 'xxx.exe']],
  [['cmd.exe', '']],
  [['cmd', 'a much longer string than it was']],
  [
    ['aab', 'X'],
    ['ab', 'YZ'],
    ['cmd.exe', 'yyy'],
  ],
  [['a', 'bc']],
] as const;

/** Text that is full of matches and of beginnings of some. */
const text = fc
  .array(fc.constantFrom('cmd.exe', 'cmd.', 'c', 'cmd', 'exe', 'a', 'aa', 'ab', 'b', 'hello ', '\0'), {
    minLength: 1,
    maxLength: 300,
    size: 'max',
  })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

/** Numbers that repeat themselves: a network that is as bad as it likes, but not for ever. */
class Luck {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 1;
  }
  next(below: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % below;
  }
}

const FAULTS = 60;

class Wire {
  private queue: Buffer[] = [];
  private readonly luck: Luck;
  private faults: number;

  constructor(luck: Luck, faults: number) {
    this.luck = luck;
    this.faults = faults;
  }

  put(packets: readonly Buffer[]): void {
    for (const packet of packets) {
      const fate = this.faults > 0 ? this.luck.next(12) : 11;
      if (fate < 4) this.faults--;
      if (fate === 0) continue;
      if (fate === 1) this.queue.push(packet);
      if (fate === 2) this.queue.splice(this.luck.next(this.queue.length + 1), 0, packet);
      else if (fate === 3) this.put(halves(packet, this.luck));
      else this.queue.push(packet);
    }
  }

  take(): Buffer[] {
    return this.queue.splice(0, 1 + this.luck.next(3));
  }

  get empty(): boolean {
    return this.queue.length === 0;
  }
}

/** A segment as two. */
function halves(packet: Buffer, luck: Luck): Buffer[] {
  const seg = segOf(packet);
  if (seg.data.length < 2 || seg.flags & 2) return [packet];
  const at = 1 + luck.next(seg.data.length - 1);
  const ends = endsOf(packet);
  return [
    packetOf(ends, { ...seg, flags: seg.flags & ~1, data: seg.data.subarray(0, at) }),
    packetOf(ends, { ...seg, seq: (seg.seq + at) >>> 0, data: seg.data.subarray(at) }),
  ];
}

interface Scenario {
  readonly pairs: (typeof PAIRS)[number];
  readonly data: readonly [Buffer, Buffer];
  readonly seed: number;
  readonly faults: number;
  readonly begins: 'clone' | 'outside';
  readonly way: 'forward' | 'reflect';
}

const totals = { replaced: 0, segments: 0 };

async function converse({ pairs, data, seed, faults, begins, way }: Scenario): Promise<void> {
  const substitution = substitutionOf(pairs as readonly (readonly [string, string])[]);
  const made = bench(substitution);
  const luck = new Luck(seed);
  const clone = new End(data[0], (seed * 7919) >>> 0, begins === 'clone');
  const outside = new End(data[1], 0xffffff00 + (seed & 0xff), begins === 'outside');
  const to = { src: CLONE, sport: 1234, dst: OUTSIDE, dport: 80 };
  const from = { src: OUTSIDE, sport: 80, dst: CLONE, dport: 1234 };
  const back = way === 'forward' ? 'back' : 'reflect';
  const wires = Array.from({ length: 4 }, () => new Wire(luck, faults)) as [Wire, Wire, Wire, Wire];
  const [fromClone, toOutside, fromOutside, toClone] = wires;
  const sizes = () => 1 + luck.next(luck.next(3) === 0 ? 500 : 12);
  // The SYN of whoever contacts a clone is not of a flow that is known.
  let first = begins === 'outside' && way === 'forward';

  const gateway = () => {
    for (const [wire, input] of [
      [fromClone, way],
      [fromOutside, back],
    ] as const) {
      const packets = wire.take();
      if (packets.length === 0) continue;
      const out = through(made, input, packets);
      for (const packet of Object.values(out).flat()) {
        (packet.readUInt32BE(12) === CLONE ? toOutside : toClone).put([packet]);
        if (way === 'forward' && packet.readUInt32BE(12) === CLONE && !out.forward!.includes(packet))
          throw new Error('what was licensed has left by another way');
      }
    }
  };
  const talk = (end: End, ends: typeof to, wire: Wire, quiet: boolean) => {
    end.advertised = luck.next(6) === 0 ? luck.next(2) * 700 : 4096;
    const seg = end.next_(sizes());
    const list = seg ? [seg] : end.owesAck && end.connected ? [end.bare()] : [];
    if (quiet) list.push(...end.again(sizes));
    totals.segments += list.length;
    wire.put(list.map((each) => packetOf(ends, each)));
  };
  for (let round = 0; !(clone.done && outside.done); round++) {
    if (round > 3000) throw new Error('they never come to an end');
    const quiet = round > 0 && wires.every((each) => each.empty);
    talk(clone, to, fromClone, quiet);
    if (first && outside.connected) first = false;
    talk(outside, from, first ? toClone : fromOutside, quiet);
    gateway();
    for (const packet of toOutside.take()) outside.take(segOf(packet));
    for (const packet of toClone.take()) clone.take(segOf(packet));
  }
  const got = Buffer.concat(outside.got);
  if (!outside.gotAll || !got.equals(substitution.apply(data[0]))) throw new Error(`it got ${got}`);
  const answered = way === 'forward' ? data[1] : substitution.apply(data[1]);
  if (!Buffer.concat(clone.got).equals(answered)) throw new Error('the clone did not get what was sent');
  totals.replaced += substitution.count(data[0]);
  await made.rewriter.engine.stop();
}

t.test('what arrives is what was sent, with strings replaced', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        pairs: fc.constantFrom(...PAIRS),
        data: fc.tuple(text, text),
        seed: fc.nat(),
        faults: fc.constantFrom(0, 10, FAULTS),
        begins: fc.constantFrom('clone', 'outside'),
        way: fc.constantFrom('forward', 'forward', 'reflect'),
      }),
      converse,
    ),
    { numRuns: 60, endOnFailure: true },
  );
  t.comment(`${totals.replaced} strings replaced in ${totals.segments} segments`);
  t.ok(totals.replaced > 500, 'enough happened to mean something');
});

const chunk = fc.constantFrom(
  'cmd.exe',
  'cmd.',
  'exe',
  'c',
  'd.exe',
  'a',
  'b',
  'ab',
  'bbb',
  'hello',
  'cmd.execmd.exe',
  '',
);

/** What a hostile clone and a hostile peer do. Positions are near to each other, so that much overlaps. */
const deed = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('say' as const),
      at: fc.oneof(fc.nat(40), fc.constantFrom(-1, -5, 70_000, 2 ** 31)),
      /** Whether it goes on where the last one ended. */
      next: fc.constantFrom(true, true, true, false),
      data: chunk,
      flags: fc.oneof({ weight: 40, arbitrary: fc.constantFrom(16, 24, 48, 0) }, fc.constantFrom(17, 4, 20, 2, 18, 3)),
      port: fc.constantFrom(1234, 1234, 1234, 1234, 1),
      anew: fc.constantFrom(false, false, false, true),
      way: fc.constantFrom('forward', 'forward', 'forward', 'reflect'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      at: fc.oneof(fc.nat(60), fc.constantFrom(-1, -70_000, 2 ** 30)),
      window: fc.constantFrom(0, 1, 5, 65535),
      flags: fc.oneof({ weight: 20, arbitrary: fc.constant(16) }, fc.constantFrom(18, 20, 4)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('again' as const), isn: fc.constantFrom(7, 0xfffffffa, 0x7fffffff) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('quiet' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      seconds: fc.constantFrom(0.1, 0.1, 1, 1, 1, 50, 50, 700),
    }),
  },
);

const FORBIDDEN = [Buffer.from('cmd.exe'), Buffer.from('ab')];
const hostile = { written: 0, replaced: 0 };

async function misbehave(
  deeds: readonly (typeof deed extends fc.Arbitrary<infer T> ? T : never)[],
  isn: number,
): Promise<void> {
  const made = bench(
    substitutionOf([
      ['cmd.exe', 'xyz'],
      ['ab', '-'],
    ]),
    'CONNECTIONS 3, MEMORY 600k, BYTES 128k',
  );
  const { rewriter } = made;
  await rewriter.engine.start();
  /** By port: what was ever written at a sequence number. */
  const wire = new Map<number, Map<number, number>>();
  let base = isn;
  let out = 0;
  /** Up to where it has gone. */
  let end = 0;
  const see = (packets: readonly Buffer[]) => {
    for (const packet of packets) {
      const seg = segOf(packet);
      const { src, sport } = endsOf(packet);
      if (src !== CLONE) continue;
      if (seg.flags & 2 && sport === 1234) {
        out = seg.seq;
        end = 0;
      }
      if (sport === 1234) end = Math.max(end, ((seg.seq - out) | 0) + seg.data.length + (seg.flags & 3 ? 1 : 0));
      const bytes = wire.get(sport) ?? new Map<number, number>();
      wire.set(sport, bytes);
      for (const [i, byte] of seg.data.entries()) {
        const at = (seg.seq + i + (seg.flags & 2 ? 1 : 0)) >>> 0;
        if ((bytes.get(at) ?? byte) !== byte) throw new Error('a place of the stream was written twice');
        bytes.set(at, byte);
        hostile.written++;
      }
    }
  };
  const endsBack = { src: OUTSIDE, sport: 80, dst: CLONE, dport: 1234 };
  const to = { src: CLONE, sport: 1234, dst: OUTSIDE, dport: 80 };
  const say = (seg: Parameters<typeof packetOf>[1], sport: number, way: string, anew = false) =>
    see(Object.values(through(made, way, [packetOf({ ...to, sport }, seg)], anew ? REWRITE.anew : 0)).flat());
  const hear = (ack: number, window: number, flags: number) => {
    const packet = packetOf(endsBack, { seq: 9, ack, flags, window, data: Buffer.alloc(0) });
    see(Object.values(through(made, 'back', [packet])).flat());
  };
  const rest = (seconds: number) => {
    rewriter.wait(seconds);
    const out = Object.values(rewriter.run()).flat();
    see(out.map(({ bytes }) => bytes));
  };
  const syn = () => say({ seq: base, ack: 0, flags: 2, window: 9, data: Buffer.alloc(0) }, 1234, 'forward');
  syn();
  /** Ports of which a flow table knows no flow any more: what opens none is not let through there. */
  let cursor = 0;
  const unknown = new Set<number>();
  /** Ports of which a flow has been decided: it is not decided anew all the time. */
  const decided = new Set<number>();
  for (const each of deeds) {
    if (each.kind === 'say') {
      if ((each.flags & 7) === 2) unknown.delete(each.port);
      if (unknown.has(each.port)) continue;
      if (each.flags & 2) decided.add(each.port);
      const at = each.next ? cursor : each.at;
      if (each.port === to.sport && each.way === 'forward' && !(each.flags & 7))
        cursor = Math.max(cursor, at < 70_000 ? at + each.data.length : 0);
      say(
        { seq: (base + 1 + at) >>> 0, ack: 9, flags: each.flags, window: 9, data: Buffer.from(each.data) },
        each.port,
        each.way,
        each.anew && !decided.has(each.port),
      );
      if (each.anew) decided.add(each.port);
    } else if (each.kind === 'answer') {
      hear((out + 1 + each.at) >>> 0, each.window, each.flags);
    } else if (each.kind === 'quiet') {
      // All has arrived, and nothing follows for a while.
      hear((out + end) >>> 0, 65_535, 16);
      rest(1);
    } else if (each.kind === 'again') {
      base = each.isn;
      cursor = 0;
      unknown.delete(to.sport);
      syn();
    } else {
      if (each.seconds > 300) for (const port of [1234, 1, 2, 3]) unknown.add(port);
      rest(each.seconds);
    }
    const { connections, budget } = (rewriter.element as unknown as { rewriting: Rewriting }).rewriting;
    if (connections.size > 3 || budget.used > 2 ** 20) throw new Error('more is kept than may be');
  }
  for (const bytes of wire.values()) {
    for (const at of bytes.keys()) {
      for (const string of FORBIDDEN)
        if (string.every((byte, i) => bytes.get((at + i) >>> 0) === byte)) throw new Error(`${string} has left`);
    }
  }
  hostile.replaced += (rewriter.element as unknown as { rewriting: Rewriting }).rewriting.replaced;
  await rewriter.engine.stop();
}

t.test('nothing that is to be replaced leaves, whatever both ends do', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(deed, { minLength: 5, maxLength: 80, size: 'max' }),
      fc.constantFrom(1000, 0xfffffff0, 0x7ffffff0),
      misbehave,
    ),
    { numRuns: 250, endOnFailure: true },
  );
  t.comment(`${hostile.replaced} strings replaced, ${hostile.written} bytes written`);
  t.ok(hostile.replaced > 200 && hostile.written > 1000, 'enough happened to mean something');
});
