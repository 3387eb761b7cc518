import { alike, type Batch } from '../packet/batch.js';
import { Lock, lockMemory } from '../packet/lock.js';
import { MOST_TARGETS, type ScanOptions, Scans } from '../packet/scans.js';
import { Element, type Setup } from '../pipeline/element.js';
import { seedBytes } from '../pipeline/seed.js';
import type { ConfigOf, Spec } from '../pipeline/spec.js';
import { count, seconds } from '../pipeline/values.js';

const spec = {
  summary: 'admits only the first targets of each scan',
  inputs: { in: 'packets that may open a flow' },
  outputs: { pass: 'packets that deserve a clone', scan: 'the rest of the sweep' },
  config: {
    targets: count(1, 'Addresses one scan may reach in a window; 0 lets every packet pass.', { max: MOST_TARGETS }),
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

function scanOptions({ targets, window, scans }: ConfigOf<typeof spec>, name: string, seed: bigint): ScanOptions {
  return { targets, window: Math.ceil(window * 1000), capacity: scans, seed: seedBytes(seed, name) };
}

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
  private readonly scans: Scans;
  /** Held while a batch is looked at: who waits for this one sleeps. */
  private readonly lock: Lock | undefined;

  constructor(setup: Setup<typeof spec>) {
    super(setup);
    const { services, config, name } = this;
    const common = services.common(name) as Common | undefined;
    this.scans = new Scans({
      ...scanOptions(config, name, services.seed),
      ...(common && { memory: new Uint8Array(common.table) }),
    });
    if (common) this.lock = new Lock(common.lock);
  }

  static common(config: ConfigOf<typeof spec>, name: string, seed: bigint): Common {
    const { memory } = new Scans({ ...scanOptions(config, name, seed), shared: true });
    return { table: memory.buffer as SharedArrayBuffer, lock: lockMemory() };
  }

  override push(batch: Batch, _input: number, bytes: number): void {
    if (this.config.targets === 0) {
      this.out.pass.moveAll(batch, bytes);
      return;
    }
    this.lock?.take();
    try {
      this.scans.admit(this.packets, batch.rows, batch.count, this.nowMs);
    } finally {
      this.lock?.give();
    }
    const { pass, scan } = this.out;
    const { admitted } = this.scans;
    const { rows, count } = batch;
    if (alike(admitted, count)) (admitted[0] === 1 ? pass : scan).moveAll(batch, bytes);
    else for (let i = 0; i < count; i++) (admitted[i] === 1 ? pass : scan).add(rows[i]!);
  }

  private get nowMs(): number {
    return Math.floor(this.now() * 1000) >>> 0;
  }

  override start(): void {
    this.services.clock.every(1, () => {
      this.scans.sweepSome(this.nowMs);
      // Metrics of all workers are added up.
      if (this.services.share.worker === 0) this.metrics.scans.set(this.scans.size);
    });
  }

  override handlers() {
    return { tracked: { read: () => String(this.scans.size) } };
  }
}
