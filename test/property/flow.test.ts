import fc from 'fast-check';
import t from 'tap';
import { SLOTS_AT } from '../../src/packet/columns.js';
import { ACK, FIN, FlowRig, type Result, RST, type Spec, SYN } from '../unit/native/flow-rig.js';

type Side = 'outside' | 'inside';
type Verdict = 'undecided' | 'forward' | 'reflect' | 'drop';

/** What the flow table should know of a flow, in the plainest way. */
interface Flow {
  space: number;
  universe: number;
  opener: string;
  fromOutside: boolean;
  verdict: string;
  pending: boolean;
  seen: number;
  turn: number;
  proto: Spec['proto'];
  fins: Set<string>;
  resets: Set<string>;
  answered: boolean;
  established: boolean;
}

interface Row {
  side: Side;
  known: boolean;
  result: Result;
  tuple: string;
  flow: Flow;
}

const TIMEOUTS = { tcpEstablished: 40, tcpTransitory: 15, udp: 20, icmp: 10 };

/** The end that a packet comes from. Of an echo the ends are who asks and who answers. */
const sender = (spec: Spec): string =>
  spec.proto === 'icmp' ? (spec.type === 8 ? 'asker' : 'answerer') : `${spec.src}:${spec.sport}`;

/** Both directions of a flow have the same. */
function tupleOf(spec: Spec): string {
  if (spec.proto === 'icmp') {
    return spec.type === 8 ? `echo ${spec.src} ${spec.dst} ${spec.echo}` : `echo ${spec.dst} ${spec.src} ${spec.echo}`;
  }
  return [spec.proto, ...[`${spec.src}:${spec.sport}`, `${spec.dst}:${spec.dport}`].sort()].join(' ');
}

function opens(spec: Spec): boolean {
  if (spec.proto === 'tcp') return spec.flags === SYN;
  return spec.proto === 'udp' || spec.type === 8;
}

class Model {
  readonly rig = new FlowRig({ ...TIMEOUTS, capacity: 5000 });
  readonly flows = new Map<string, Flow>();
  rows: Row[] = [];
  turn = 0;

  phase(flow: Flow): number {
    if (flow.resets.size > 0 || flow.fins.size === 2) return 3;
    if (flow.fins.size === 1) return 2;
    return flow.established ? 1 : 0;
  }

  expired(flow: Flow): boolean {
    if (flow.turn === this.turn) return false;
    let timeout = TIMEOUTS.icmp;
    if (flow.proto === 'udp') timeout = TIMEOUTS.udp;
    if (flow.proto === 'tcp') timeout = this.phase(flow) === 1 ? TIMEOUTS.tcpEstablished : TIMEOUTS.tcpTransitory;
    return this.rig.now - flow.seen > timeout;
  }

  find(space: number, tuple: string): Flow | undefined {
    const key = `${space} ${tuple}`;
    const flow = this.flows.get(key);
    if (!flow || !this.expired(flow)) return flow;
    this.flows.delete(key);
    return undefined;
  }

  open(flow: Partial<Flow>, side: Side, spec: Spec, space: number): Flow {
    return Object.assign(flow, {
      space,
      universe: side === 'inside' ? spec.universe! : 0,
      opener: sender(spec),
      fromOutside: side === 'outside',
      verdict: 'undecided',
      pending: true,
      seen: this.rig.now,
      turn: this.turn,
      proto: spec.proto!,
      fins: new Set<string>(),
      resets: new Set<string>(),
      answered: false,
      established: false,
    });
  }

  /** What the table should say about a packet. */
  classify(side: Side, spec: Spec): { disposition: string; flow?: Flow; collides?: boolean } {
    const tuple = tupleOf(spec);
    let space = 0;
    let flow = this.find(0, tuple);
    const takesPart = flow && ((sender(spec) === flow.opener) === flow.fromOutside) === (side === 'outside');
    let collides = false;
    if (side === 'outside') {
      if (flow && !takesPart) return { disposition: 'stray' };
    } else if (!flow || !takesPart || flow.universe !== spec.universe) {
      collides = flow !== undefined;
      space = spec.universe!;
      flow = this.find(space, tuple);
    }
    if (!flow) {
      if (!opens(spec)) return { disposition: 'stray' };
      flow = this.open({}, side, spec, space);
      this.flows.set(`${space} ${tuple}`, flow);
      return { disposition: 'new', flow, collides };
    }
    if (flow.pending && flow.fromOutside !== (side === 'outside')) return { disposition: 'stray' };
    if (!flow.pending && spec.proto === 'tcp' && opens(spec) && this.phase(flow) >= 2) {
      this.open(flow, side, spec, space);
      return { disposition: 'new', flow, collides };
    }
    if (spec.proto === 'tcp') this.see(flow, spec);
    flow.seen = this.rig.now;
    flow.turn = this.turn;
    return { disposition: flow.pending ? 'new' : 'known', flow, collides };
  }

  see(flow: Flow, spec: Spec): void {
    const flags = spec.flags!;
    const end = sender(spec);
    if (flags & RST) {
      flow.resets.add(end);
      return;
    }
    if (flags & FIN) flow.fins.add(end);
    if (flags & SYN) {
      if (end !== flow.opener) flow.answered = true;
    } else if (flags & ACK) {
      flow.resets.delete(end);
      if (end === flow.opener && flow.answered) flow.established = true;
    }
  }

  /** Passes a batch to both and compares. */
  batch(side: Side, specs: Spec[]): void {
    const results = this.rig.classify(side, specs);
    specs.forEach((spec, i) => {
      const result = results[i]!;
      const { disposition, flow, collides } = this.classify(side, spec);
      const same = (what: string, found: unknown, wanted: unknown) => {
        if (found !== wanted) throw new Error(`${side} ${tupleOf(spec)}: ${what} is ${found}, not ${wanted}`);
      };
      same('disposition', result.disposition, disposition);
      same('having a flow', result.flow !== 0, flow !== undefined);
      if (side === 'inside') same('universe', result.universe, spec.universe);
      if (!flow) return;
      if (side === 'outside') same('universe', result.universe, disposition === 'known' ? flow.universe : 0);
      same('verdict', result.verdict, disposition === 'known' ? flow.verdict : 'undecided');
      const bits = [
        disposition === 'known' && 'known',
        sender(spec) !== flow.opener && 'reply',
        flow.fromOutside && 'fromOutside',
        collides && 'collides',
      ];
      same('state', result.state, bits.filter(Boolean).join(' '));
      for (const row of this.rows) same('its slot for itself', row.result.flow === result.flow, row.flow === flow);
      this.rows.push({ side, known: disposition === 'known', result, tuple: tupleOf(spec), flow });
    });
  }

  /** Ends the turn. Row i is decided about by decisions[i]. */
  settle(decisions: { clone: number; universe: number; verdict: Verdict }[]): void {
    const kept = new Set<Flow>();
    this.rows.forEach(({ side, known, result, flow }, i) => {
      const decision = decisions[i % decisions.length]!;
      const { clone } = decision;
      // Nobody changes the universe of what has one, nor decides about packets from outside.
      const universe = side === 'outside' && !known ? decision.universe : result.universe;
      const verdict = side === 'inside' ? decision.verdict : result.verdict;
      this.rig.decide(result, { clone, universe, verdict });
      if (clone === 0 && !(side === 'inside' && verdict !== 'undecided')) return;
      if (flow.pending && known) return;
      const first = flow.pending && !kept.has(flow);
      if (first && flow.fromOutside) flow.universe = universe;
      if (flow.universe !== universe) return;
      if (first || (side === 'inside' && (!flow.pending || flow.verdict === 'undecided'))) flow.verdict = verdict;
      kept.add(flow);
    });
    let collisions = 0;
    const gone: string[] = [];
    // A place that a flow leaves is free only in the next turn.
    const taken = new Set(this.flows.keys());
    for (const { flow, tuple } of this.rows) {
      const old = `${flow.space} ${tuple}`;
      if (!kept.has(flow)) {
        gone.push(old);
        continue;
      }
      const wanted = flow.fromOutside ? 0 : flow.verdict === 'forward' ? 0 : flow.universe;
      if (wanted === flow.space) continue;
      if (!taken.has(`${wanted} ${tuple}`)) {
        taken.add(`${wanted} ${tuple}`);
        this.flows.delete(old);
        flow.space = wanted;
        this.flows.set(`${wanted} ${tuple}`, flow);
      } else if (wanted === 0) {
        flow.verdict = 'undecided';
        collisions++;
      } else {
        kept.delete(flow);
        gone.push(old);
      }
    }
    for (const key of gone) if (!kept.has(this.flows.get(key)!)) this.flows.delete(key);
    for (const flow of kept) flow.pending = false;
    this.rows = [];
    this.turn++;
    const found = this.rig.end();
    if (found !== collisions) throw new Error(`${found} collisions, not ${collisions}`);
    if (this.rig.flows.pending !== 0) throw new Error('pending flows after a turn');
    const alive = [...this.flows.values()].filter((flow) => !this.expired(flow)).length;
    if (this.rig.flows.size < alive) throw new Error('flows are lost');
  }
}

/** Few of everything, so that tuples meet. Hosts 1 and 2 are outside, the others clones; clones play any. */
const outsider = fc.integer({ min: 1, max: 2 });
const insider = fc.integer({ min: 3, max: 4 });
const anyone = fc.integer({ min: 1, max: 4 });
const port = fc.integer({ min: 1, max: 2 });

const packet = (src: fc.Arbitrary<number>, dst: fc.Arbitrary<number>) =>
  fc
    .record({
      src,
      dst,
      sport: port,
      dport: port,
      proto: fc.constantFrom('tcp' as const, 'tcp' as const, 'udp' as const, 'icmp' as const),
      flags: fc.constantFrom(SYN, SYN, SYN | ACK, ACK, ACK, FIN | ACK, RST),
      type: fc.constantFrom(0, 8),
      echo: port,
      universe: fc.constant(0),
    })
    .filter(({ src, dst }) => src !== dst);

const batch = fc.oneof(
  fc.record({
    side: fc.constant('outside' as const),
    specs: fc.array(fc.oneof({ weight: 5, arbitrary: packet(outsider, insider) }, packet(anyone, anyone)), {
      maxLength: 12,
    }),
  }),
  fc.record({
    side: fc.constant('inside' as const),
    specs: fc.array(
      fc
        .tuple(
          fc.oneof({ weight: 3, arbitrary: packet(insider, outsider) }, packet(anyone, anyone)),
          fc.integer({ min: 1, max: 3 }),
        )
        .map(([spec, universe]) => ({ ...spec, universe })),
      { maxLength: 12 },
    ),
  }),
);

const turn = fc.record({
  batches: fc.array(batch, { maxLength: 4 }),
  decisions: fc.array(
    fc.record({
      clone: fc.constantFrom(0, 1, 1, 1),
      universe: fc.integer({ min: 1, max: 3 }),
      verdict: fc.constantFrom<Verdict>('undecided', 'forward', 'forward', 'reflect', 'drop'),
    }),
    { minLength: 1, maxLength: 20 },
  ),
  wait: fc.constantFrom(0, 0, 1, 7, 16),
  sweep: fc.boolean(),
});

t.test('the flow table behaves as a plain model of flows in universes', async (t) => {
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 30 }), (turns) => {
      const model = new Model();
      for (const { batches, decisions, wait, sweep } of turns) {
        for (const { side, specs } of batches) model.batch(side, specs);
        model.settle(decisions);
        model.rig.now += wait;
        if (sweep) model.rig.flows.sweep(model.rig.now);
      }
    }),
    { numRuns: 400 },
  );
  t.pass();
});

t.test('whatever rows and columns hold, the table stays whole', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 64, maxLength: 400 }), { maxLength: 12 }), (noise) => {
      const rig = new FlowRig({ capacity: 20, fragments: 5 });
      const columns = rig.packets.bytes.subarray(0, SLOTS_AT);
      for (const [i, bytes] of noise.entries()) {
        // Noise in all columns at once, repeated so that rows are alike and meet.
        for (let at = 0; at < columns.length; at += bytes.length)
          columns.set(bytes.subarray(0, columns.length - at), at);
        const rows = Uint16Array.from({ length: 200 }, (_, row) => row * 5);
        for (const row of rows) {
          rig.packets.proto[row] = [1, 6, 17, 255][rig.packets.proto[row]! % 4]!;
          rig.packets.fragment[row]! %= 4;
        }
        if (i % 2 === 0) rig.flows.outside(rig.packets, rows, rows.length, i);
        else rig.flows.inside(rig.packets, rows, rows.length, i);
        if (i % 3 === 2) rig.flows.settle(rig.packets, rows, rows.length);
      }
      if (rig.flows.size > 20 || rig.flows.pending > rig.flows.size) throw new Error('wrong counts');
      const counts = rig.flows.count();
      const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
      if (total !== rig.flows.size || counts.pending !== rig.flows.pending) throw new Error('counts that disagree');
    }),
    { numRuns: 200 },
  );
  t.pass();
});
