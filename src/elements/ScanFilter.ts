import type { Batch } from '../packet/batch.js';
import { Lock, lockMemory } from '../packet/lock.js';
import { PROTOCOL } from '../packet/protocol.js';
import { Table, type TableOptions } from '../packet/table.js';
import { Element, type Setup } from '../pipeline/element.js';
import { seedBytes } from '../pipeline/seed.js';
import type { ConfigOf, Spec } from '../pipeline/spec.js';
import { count, seconds } from '../pipeline/values.js';

const spec = {
  summary: 'admits only the first targets of each scan',
  inputs: { in: 'packets that may open a flow' },
  outputs: { pass: 'packets that deserve a clone', scan: 'the rest of the sweep' },
  config: {
    targets: count(1, 'Addresses one scan may reach in a window; 0 lets every packet pass.', { max: 62 }),
    window: seconds(60, 'Time after which a scan is forgotten.'),
    scans: count(1 << 20, 'Scans remembered at once; the oldest is forgotten first.', { min: 1 }),
  },
  drops: {},
  metrics: { scans: { kind: 'gauge', doc: 'scans remembered' } },
  handlers: { tracked: { read: 'scans remembered now' } },
  workers: 'each',
} as const satisfies Spec;

/** What the filters of all workers have in common. */
interface Common {
  readonly table: SharedArrayBuffer;
  readonly lock: SharedArrayBuffer;
}

/** Milliseconds. */
const spanOf = (window: number): number => Math.ceil(window * 1000);

function tableOptions({ targets, window, scans }: ConfigOf<typeof spec>, name: string, seed: bigint): TableOptions {
  return {
    keyWords: 3,
    // With its key and time an entry of one or two targets is half a cache line, so it never lies in two.
    valueWords: Math.max(4, TARGETS + targets),
    capacity: scans,
    timeout: spanOf(window),
    full: 'forget oldest',
    seed: seedBytes(seed, name),
  };
}

/** Words of a scan's entry: when its window began (ms), how many targets it has reached, and which. */
const [SINCE, COUNT, TARGETS] = [0, 1, 2];

/**
 * A scanner that sweeps a /16 would cost one clone an address and teach nothing after the first. A scan is one
 * source, protocol and destination port (for ICMP: type); in each window it reaches its first TARGETS addresses, and
 * the rest of the sweep is turned away. What goes to an address that was admitted passes as well, so that a
 * repeated SYN finds its clone. The 2005 system admitted one target every 60 seconds, and so do the defaults; it
 * saved three orders of magnitude.
 *
 * Several workers remember scans together: what one has admitted counts for all.
 *
 * Put it behind the flow table, so that it never cuts a conversation that is open.
 *
 * @example
 *   FromDump(in.pcap) -> CheckIPHeader -> scans :: ScanFilter(TARGETS 1, WINDOW 60s);
 *   scans[pass] -> Counter -> Discard;
 *   scans[scan] -> Discard;
 */
export class ScanFilter extends Element<typeof spec> {
  static readonly spec = spec;
  private readonly table: Table;
  private readonly window: number;
  /** Held while a batch is looked at, since a slot may get another key between two calls. */
  private readonly lock: Lock | undefined;

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { services, config, name } = this;
    this.window = spanOf(config.window);
    const common = services.common(name) as Common | undefined;
    this.table = new Table({
      ...tableOptions(config, name, services.seed),
      ...(common && { memory: new Uint8Array(common.table) }),
    });
    if (common) this.lock = new Lock(common.lock);
  }

  static common(config: ConfigOf<typeof spec>, name: string, seed: bigint): Common {
    const { memory } = new Table({ ...tableOptions(config, name, seed), shared: true });
    return { table: memory.buffer as SharedArrayBuffer, lock: lockMemory() };
  }

  override push(batch: Batch): void {
    if (this.config.targets === 0) {
      this.out.pass.addAll(batch);
      return;
    }
    this.lock?.take();
    try {
      this.sort(batch);
    } finally {
      this.lock?.give();
    }
  }

  private sort({ rows, count }: Batch): void {
    const { pass, scan } = this.out;
    const { src, dst, proto, sport, dport } = this.packets;
    const { keys, slots } = this.table;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      keys[3 * i] = src[row]!;
      keys[3 * i + 1] = proto[row]!;
      keys[3 * i + 2] = proto[row] === PROTOCOL.icmp ? sport[row]! : dport[row]!;
    }
    const now = Math.floor(this.now() * 1000) >>> 0;
    this.table.upsert(count, now);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      // A scan that could not be remembered is turned away: no filter is worse than a missed target.
      if (slots[i]! >= 0 && this.admits(slots[i]!, dst[row]!, now)) pass.add(row);
      else scan.add(row);
    }
  }

  private admits(slot: number, target: number, now: number): boolean {
    const { values, stride } = this.table;
    const at = slot * stride;
    // A window that begins ahead has just begun: a clock may step back, and that of another worker be ahead.
    if (values[at + COUNT]! > 0 && ((now - values[at + SINCE]!) | 0) >= this.window) values[at + COUNT] = 0;
    const reached = values[at + COUNT]!;
    for (let i = 0; i < reached; i++) if (values[at + TARGETS + i] === target) return true;
    if (reached >= this.config.targets) return false;
    if (reached === 0) values[at + SINCE] = now;
    values[at + TARGETS + reached] = target;
    values[at + COUNT] = reached + 1;
    return true;
  }

  override start(): void {
    this.services.clock.every(1, () => {
      this.table.sweepSome(Math.floor(this.now() * 1000) >>> 0);
      // Metrics of all workers are added up.
      if (this.services.share.worker === 0) this.metrics.scans.set(this.table.size);
    });
  }

  override handlers() {
    return { tracked: { read: () => String(this.table.size) } };
  }
}
