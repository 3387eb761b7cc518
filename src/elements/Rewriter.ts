import { Rewrites } from '../farm/policy/rewrites.js';
import { Universes } from '../farm/universes.js';
import type { Batch } from '../packet/batch.js';
import { Rewriting } from '../packet/rewrite/rewriting.js';
import { Element, type Setup } from '../pipeline/element.js';
import { faultDrops } from '../pipeline/faulty.js';
import { seedBytes } from '../pipeline/seed.js';
import type { Spec } from '../pipeline/spec.js';
import { bytes, count, seconds } from '../pipeline/values.js';

const spec = {
  summary: 'replaces strings in what clones send, where export policy says so',
  inputs: {
    forward: 'packets that may leave',
    reflect: 'packets that the farm is to answer itself',
    redirect: 'packets for a machine that the policy names',
    back: 'packets from outside, of flows that are known',
  },
  outputs: {
    forward: 'those that came in by forward, with strings replaced',
    reflect: 'those that came in by reflect',
    redirect: 'those that came in by redirect',
    back: 'those that came in by back, acknowledging what their receiver has sent',
  },
  config: {
    connections: count(4096, 'TCP connections that are rewritten at once.', { min: 1, max: 1 << 20 }),
    bytes: bytes(256 * 2 ** 10, 'Bytes that one end of a connection may have on the way. It is at least 128k.'),
    memory: bytes(64 * 2 ** 20, 'Memory that all connections may take together.'),
    mtu: count(1500, 'The longest packet that a datagram may become.', { min: 576, max: 1900 }),
    hold: seconds(0.5, 'Time for which bytes wait that may begin a match.'),
    timeout: seconds(600, 'Time after which a quiet connection is forgotten: longer than that of the FlowTable.'),
    linger: seconds(120, 'The same for one that is over: longer than TRANSITORY of the FlowTable.'),
  },
  validate: ({ bytes }) => ((bytes as number) < 128 * 2 ** 10 ? 'expected BYTES of at least 128k' : undefined),
  drops: {
    ...faultDrops(),
    full: 'it carries more than may be held of its connection, or of all',
    streams: 'as many connections are rewritten as may be',
    untracked: 'it is of a connection of which the beginning was not seen, or that is forgotten',
    unsent: 'it tells of something that was not sent',
    ended: 'it carries something behind the end of its stream',
    moved: 'its connection began by another input',
    flags: 'it begins and ends a connection at once',
    checksum: 'its checksum or a length in it is wrong',
    fragment: 'it is a fragment of something in which strings are to be replaced',
    protocol: 'it is none of TCP, UDP and ICMP echo, or an ICMP error that cannot be read',
    'too-big': 'with strings replaced it is longer than MTU',
  },
  metrics: {
    strings_replaced: { kind: 'counter', doc: 'matches that were replaced' },
    rewritten_connections: { kind: 'gauge', doc: 'TCP connections that are rewritten' },
    rewriting_bytes: { kind: 'gauge', doc: 'memory that rewritten connections take' },
  },
  effect: 'straight',
} as const satisfies Spec;

/** Seconds between two looks for connections to forget. */
const ROUND = 1;

/**
 * Malware that is let talk to the world shall not do harm with what it says: `cmd.exe` becomes `xxx.exe` on the way (the
 * verdict REWRITE of GQ, IMC 2011). Which strings those are is said by rules of the policy: see docs/policy.md.
 *
 * In TCP they are found in the stream, wherever segments begin and end. Sequence numbers, acknowledgements and their
 * selective ones are mapped both ways; what is sent again is what was sent first, whatever the clone then says that it was.
 * Bytes at the end of a segment that may begin a match wait for those that follow, for HOLD at most. If the match is
 * completed after that, the rest of it is left out. Urgent pointers are taken off. What cannot be followed is dropped.
 *
 * Packets leave by the output of the same name as the input by which they came. A connection stays with the strings and the
 * output that it began with until it begins anew.
 *
 * @example
 *   tunnel :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1) -> CheckIPHeader -> [outside] flows :: FlowTable;
 *   rewriter :: Rewriter;
 *   flows[known] -> [back] rewriter;
 *   flows[new] -> UniverseTagger -> bind :: Dispatcher(MAP addresses.map) -> farm :: CloneFarm;
 *   flows[stray] -> Discard;
 *   farm -> CheckIPHeader -> [inside] flows;
 *   flows[inside] -> export :: ExportPolicy(POLICY policies/reflect.policy);
 *   export[forward] -> [forward] rewriter;
 *   export[reflect] -> [reflect] rewriter;
 *   export[redirect] -> [redirect] rewriter;
 *   export[drop] -> Discard;
 *   rewriter[forward] -> tunnel;
 *   rewriter[reflect] -> Reflector -> bind;
 *   rewriter[redirect] -> farm;
 *   rewriter[back] -> farm;
 */
export class Rewriter extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly rewriting: Rewriting;
  /** Universes that have ended since the last look. */
  private readonly closed = new Set<number>();
  /** What the timer that is running waits for. */
  private timed = Number.POSITIVE_INFINITY;

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { config, drops, packets, services } = this;
    const rewrites = services.shared(Rewrites);
    rewrites.present = true;
    services.shared(Universes).onClose(({ id }) => this.closed.add(id));
    this.rewriting = new Rewriting({
      ...config,
      packets,
      seed: seedBytes(services.seed, this.name),
      back: this.input.back,
      substitution: (column) => rewrites.get(column),
      pass: (row, port) => this.output(port).add(row),
      drop: (row, reason) => drops[reason].add(row),
    });
  }

  private output(port: number) {
    const { forward, reflect, redirect, back } = this.out;
    return port === 0 ? forward : port === 1 ? reflect : port === 2 ? redirect : back;
  }

  override start(): void {
    this.services.clock.every(ROUND, () => {
      const { rewriting, metrics, closed } = this;
      rewriting.sweep(this.now(), closed);
      closed.clear();
      metrics.strings_replaced.add(rewriting.replaced - metrics.strings_replaced.value);
      metrics.rewritten_connections.set(rewriting.connections.size);
      metrics.rewriting_bytes.set(rewriting.budget.used);
    });
  }

  override push(batch: Batch, input: number): void {
    const { rewriting } = this;
    if (rewriting.connections.size === 0 && !this.asks(batch)) this.output(input).addAll(batch);
    else rewriting.take(batch, input, this.now());
    this.wait();
  }

  private asks({ rows, count }: Batch): boolean {
    const { rewrite } = this.packets;
    for (let i = 0; i < count; i++) if (rewrite[rows[i]!] !== 0) return true;
    return false;
  }

  override pull(max: number): boolean {
    const { rewriting } = this;
    const now = this.now();
    if (rewriting.due <= now) rewriting.letGo(now, max);
    this.wait();
    return rewriting.due <= now;
  }

  /** Sees to it that there is a turn when something is to be let go. */
  private wait(): void {
    const { due } = this.rewriting;
    if (due >= this.timed) return;
    this.timed = due;
    // The timer has nothing else to do: its end starts the turn that pulls.
    this.services.clock.after(Math.max(0, due - this.now()), () => {
      this.timed = Number.POSITIVE_INFINITY;
    });
  }

  override get waiting(): number {
    return this.rewriting.withheld;
  }
}
