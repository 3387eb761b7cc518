import { Universes } from '../farm/universes.js';
import { alike, Batch } from '../packet/batch.js';
import { DISPOSITION } from '../packet/flow.js';
import { Flows } from '../packet/flows.js';
import { Element, type Setup } from '../pipeline/element.js';
import { seedBytes } from '../pipeline/seed.js';
import type { Spec } from '../pipeline/spec.js';
import { count, seconds } from '../pipeline/values.js';

const spec = {
  summary: 'knows which packets belong together, and to which universe',
  inputs: { outside: 'packets from the Internet, checked', inside: 'packets from clones, checked' },
  outputs: {
    known: 'packets from outside that belong to a flow',
    new: 'packets from outside that may open one: TCP SYN, UDP, ICMP echo',
    stray: 'packets from either side that belong to none and can open none',
    inside: 'packets from clones, with the verdict on their flow if there is one',
  },
  config: {
    timeout: seconds(300, 'Time after which an open TCP connection is forgotten when it is quiet.'),
    transitory: seconds(60, 'The same for one that is being opened or closed, or is closed.'),
    udp: seconds(60, 'The same for UDP.'),
    icmp: seconds(30, 'The same for ICMP echo.'),
    flows: count(1 << 20, 'Flows at once.', { min: 1, max: 1 << 30 }),
    fragments: count(4096, 'Fragmented packets at once whose later fragments find their flow.', { min: 1 }),
  },
  drops: { full: 'the table is full, so it cannot open a flow' },
  metrics: {
    flows: { kind: 'gauge', doc: 'flows in the table' },
    collisions: {
      kind: 'counter',
      doc: 'flows that a clone was to begin towards the outside, and that another universe has',
    },
  },
  handlers: { flows: { read: 'flows by state, a line each' } },
  effect: { tracks: { outside: ['known', 'new', 'stray'], inside: ['inside', 'stray'] }, tracked: 'inside' },
  workers: 'each',
} as const satisfies Spec;

/**
 * A flow is a 5-tuple, both directions of it. It remembers the universe it belongs to and what export policy decided,
 * so both are looked up once a packet and worked out once a flow. Flows of one universe are never found from
 * another, even with the same addresses and ports.
 *
 * A flow stays in the table only if somebody took its packets: a scan filter that turns the first packet away leaves
 * nothing behind, and a flow whose clone is gone is forgotten, so the next SYN begins anew. ICMP errors belong to
 * the flow they tell about, and later fragments to that of their first.
 *
 * @example
 *   FromDump(in.pcap) -> CheckIPHeader -> [outside] flows :: FlowTable(TIMEOUT 300s);
 *   Idle -> [inside] flows;
 *   flows[known] -> Counter -> Discard;
 *   flows[new] -> Counter -> Discard;
 *   flows[stray] -> Discard;
 *   flows[inside] -> Discard;
 */
export class FlowTable extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly flows: Flows;
  /** Every row it has seen this turn. */
  private readonly seen = new Batch();

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { timeout, transitory, udp, icmp, flows, fragments } = this.config;
    // So long a flow may name a universe that is gone.
    this.services.shared(Universes).ids.keepFor(Math.max(timeout, transitory, udp, icmp));
    this.flows = new Flows({
      capacity: flows,
      fragments,
      tcpEstablished: timeout,
      tcpTransitory: transitory,
      udp,
      icmp,
      seed: seedBytes(this.services.seed, this.name),
    });
  }

  override push(batch: Batch, input: number, bytes: number): void {
    const { flows, packets, out } = this;
    const { dispositions } = flows;
    const fromOutside = input === this.input.outside;
    const now = Math.floor(this.now()) >>> 0;
    this.seen.addAll(batch);
    if (fromOutside) flows.outside(packets, batch.rows, batch.count, now);
    else flows.inside(packets, batch.rows, batch.count, now);
    const known = fromOutside ? out.known : out.inside;
    const opening = fromOutside ? out.new : out.inside;
    const { rows, count } = batch;
    // Most batches are of known flows only, or of new ones. A branch for each row would be one that nobody can guess.
    if (alike(dispositions, count) && dispositions[0]! <= DISPOSITION.new) {
      (dispositions[0] === DISPOSITION.known ? known : opening).moveAll(batch, bytes);
      return;
    }
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      switch (dispositions[i]) {
        case DISPOSITION.known:
          known.add(row);
          break;
        case DISPOSITION.new:
          opening.add(row);
          break;
        case DISPOSITION.stray:
          out.stray.add(row);
          break;
        default:
          this.drops.full.add(row);
      }
    }
  }

  override settle(): void {
    this.metrics.collisions.add(this.flows.settle(this.packets, this.seen.rows, this.seen.count));
    this.seen.clear();
  }

  override start(): void {
    this.services.clock.every(1, () => {
      this.flows.sweepSome(Math.floor(this.now()) >>> 0);
      this.metrics.flows.set(this.flows.size);
    });
  }

  override handlers() {
    return {
      flows: {
        read: () =>
          Object.entries(this.flows.count())
            .map(([state, number]) => `${state}\t${number}`)
            .join('\n'),
      },
    };
  }
}
