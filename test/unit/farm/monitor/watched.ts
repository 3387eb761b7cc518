/** Clones that are watched, for tests. */
import { type AgentReport, type Baseline, parseReport } from '../../../../src/farm/agent-report.js';
import { CausalTree } from '../../../../src/farm/causal-tree.js';
import { Monitor } from '../../../../src/farm/monitor/monitor.js';
import { type Rules, shippedRules } from '../../../../src/farm/monitor/rules.js';
import type { CloneRecord, Universe } from '../../../../src/farm/universes.js';
import { FLOW } from '../../../../src/packet/flow.js';
import { Packets } from '../../../../src/packet/packets.js';
import type { EngineEvent } from '../../../../src/pipeline/events.js';

export const MB = 2 ** 20;
const USUAL: Omit<Baseline, 'allowance'> = {
  delta: 1 * MB,
  report: parseReport('listen tcp 22\nlisten udp 53\nprocess sh 2\nprocess httpd 1\nend\n'),
};

export interface Options {
  readonly rules?: Rules;
  readonly fingerprints?: number;
  readonly usual?: Omit<Baseline, 'allowance'> | undefined;
}

/** A monitor, whose clones may change 2 MB beyond what their image does by itself. */
export function watched({ rules = shippedRules(), fingerprints = 1000, ...rest }: Options = {}) {
  const usual = 'usual' in rest ? rest.usual : USUAL;
  const events: EngineEvent[] = [];
  const deltas = new Map<CloneRecord, number>();
  const reports = new Map<CloneRecord, AgentReport>();
  const monitor = new Monitor({
    services: { event: (event) => events.push(event) },
    rules,
    fingerprints,
    allowance: 2 * MB,
    delta: (clone) => deltas.get(clone) ?? usual?.delta ?? 0,
    baseline: () => usual,
    report: (clone) => reports.get(clone),
  });
  let last = 0;
  const packets = new Packets();
  const universe = (id = 1): Universe => ({
    ...{ id, kind: 'closed', source: 1, target: 2, born: 0, clones: new Map(), made: 1, depth: 1 },
    ended: undefined,
    tree: new CausalTree(),
  });
  /** A packet with first data, as policy and farm see it. */
  const row = (payload: string | Uint8Array, port: number, reply: boolean): number => {
    packets.reset();
    const made = packets.take();
    const bytes = Buffer.concat([Buffer.alloc(28), Buffer.from(payload as string)]);
    packets.bytes.set(bytes, packets.start[made]!);
    packets.length[made] = bytes.length;
    packets.payload[made] = 28;
    packets.dport[made] = port;
    packets.flowState[made] = FLOW.data | (reply ? FLOW.reply : 0);
    return made;
  };
  return {
    monitor,
    events,
    universe,
    clone(of: Universe = universe()): CloneRecord {
      const id = ++last;
      const clone: CloneRecord = {
        ...{ id, universe: of, address: 0x0a630000 + id, inside: 0, image: 0, mac: new Uint8Array(6) },
        ...{ parent: undefined, depth: 1, born: 0, state: 'live', active: 0, opened: 0, called: 0, farm: {} },
        cause: { source: 1, proto: 6, sport: 1, dport: 80, tcpFlags: 2, licence: undefined },
        evidence: monitor.begin(0),
      };
      of.clones.set(clone.address, clone);
      return clone;
    },
    changed: (clone: CloneRecord, delta: number) => deltas.set(clone, delta),
    says: (clone: CloneRecord, text: string) => reports.set(clone, parseReport(text)),
    reasons: (clone: CloneRecord) => monitor.assess(clone).reasons(),
    /** A payload goes to a clone, from another one or from outside. */
    receives(clone: CloneRecord, payload: string | Uint8Array, { port = 80, from, reply = false }: Way = {}): void {
      clone.evidence!.receives(packets, row(payload, port, reply), from?.evidence);
    },
    sends(clone: CloneRecord, payload: string | Uint8Array, { port = 80, reply = false }: Way = {}): void {
      clone.evidence!.sends(packets, row(payload, port, reply));
    },
    /** One clone sends a payload to another one. */
    passes(from: CloneRecord, to: CloneRecord, payload: string | Uint8Array, port = 80): void {
      this.sends(from, payload, { port });
      this.receives(to, payload, { port, from });
    },
  };
}

interface Way {
  readonly port?: number;
  readonly from?: CloneRecord;
  /** By a flow that the other side began. */
  readonly reply?: boolean;
}
