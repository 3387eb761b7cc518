import { DISPOSITION, FLOW } from '../../../src/packet/flow.js';
import { type FlowOptions, Flows } from '../../../src/packet/flows.js';
import { Packets } from '../../../src/packet/packets.js';
import { VERDICT, type VerdictName } from '../../../src/packet/verdict.js';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** A packet as its parse columns see it. Addresses may be small numbers. */
export interface Spec {
  src: number;
  dst: number;
  sport?: number;
  dport?: number;
  proto?: 'tcp' | 'udp' | 'icmp' | number;
  flags?: number;
  type?: number;
  echo?: number;
  universe?: number;
  fragment?: 0 | 1 | 2;
  id?: number;
  /** Bytes that it carries. */
  data?: number;
  /** The packet that an ICMP error quotes. */
  quotes?: Spec;
}

export type Disposition = keyof typeof DISPOSITION;

export interface Result {
  row: number;
  disposition: Disposition;
  flow: number;
  universe: number;
  verdict: VerdictName;
  /** Names of the bits, in order, with spaces between. */
  state: string;
}

const PROTOCOLS: Record<string, number> = { icmp: 1, tcp: 6, udp: 17 };
const dispositionNames = Object.keys(DISPOSITION) as Disposition[];
const verdictNames = Object.keys(VERDICT) as VerdictName[];
const flowNames = Object.keys(FLOW) as (keyof typeof FLOW)[];

const protocolOf = ({ proto = 'tcp' }: Spec) => (typeof proto === 'number' ? proto : PROTOCOLS[proto]!);

/** Header and the first 8 bytes of transport of a packet, and of what it quotes. */
export function bytesOf(spec: Spec): Buffer {
  const bytes = Buffer.alloc(28);
  bytes[0] = 0x45;
  bytes.writeUInt16BE(spec.id ?? 0, 4);
  if (spec.fragment === 2) bytes.writeUInt16BE(100, 6);
  bytes[9] = protocolOf(spec);
  bytes.writeUInt32BE(spec.src >>> 0, 12);
  bytes.writeUInt32BE(spec.dst >>> 0, 16);
  if (spec.proto === 'icmp') {
    bytes[20] = spec.type ?? 8;
    bytes.writeUInt16BE(spec.echo ?? 0, 24);
  } else {
    bytes.writeUInt16BE(spec.sport ?? 0, 20);
    bytes.writeUInt16BE(spec.dport ?? 0, 22);
  }
  return spec.quotes ? Buffer.concat([bytes, bytesOf(spec.quotes)]) : bytes;
}

/** A flow table, and the rows that it classified this turn. */
export class FlowRig {
  readonly flows: Flows;
  readonly packets = new Packets();
  now = 1000;

  constructor(options: Partial<FlowOptions> = {}) {
    this.flows = new Flows({ capacity: 1000, seed: new Uint8Array(16).fill(3), ...options });
  }

  add(spec: Spec): number {
    const p = this.packets;
    const row = p.take();
    const bytes = bytesOf(spec);
    p.bytes.set(bytes, p.start[row]!);
    p.length[row] = bytes.length + (spec.data ?? 0);
    p.payload[row] = bytes.length;
    p.ipHeader[row] = 20;
    p.src[row] = spec.src;
    p.dst[row] = spec.dst;
    p.proto[row] = protocolOf(spec);
    p.universe[row] = spec.universe ?? 0;
    p.fragment[row] = spec.fragment ?? 0;
    if (spec.fragment === 2) return row;
    if (spec.proto === 'icmp') {
      p.sport[row] = (spec.type ?? 8) * 256;
      p.dport[row] = spec.echo ?? 0;
    } else {
      p.sport[row] = spec.sport ?? 0;
      p.dport[row] = spec.dport ?? 0;
      if (p.proto[row] === 6) p.tcpFlags[row] = spec.flags ?? SYN;
    }
    return row;
  }

  outside(...specs: Spec[]): Result[] {
    return this.classify('outside', specs);
  }

  inside(...specs: Spec[]): Result[] {
    return this.classify('inside', specs);
  }

  classify(side: 'outside' | 'inside', specs: Spec[]): Result[] {
    const rows = Uint16Array.from(specs, (spec) => this.add(spec));
    this.flows[side](this.packets, rows, rows.length, this.now);
    return [...rows].map((row, i) => ({
      row,
      disposition: dispositionNames[this.flows.dispositions[i]!]!,
      flow: this.packets.flow[row]!,
      universe: this.packets.universe[row]!,
      verdict: verdictNames[this.packets.verdict[row]!]!,
      state: flowNames.filter((name) => this.packets.flowState[row]! & FLOW[name]).join(' '),
    }));
  }

  /** What the graph does with a row: its clone, universe and verdict. */
  decide({ row }: Result, decision: { clone?: number; universe?: number; verdict?: VerdictName }): void {
    if (decision.clone !== undefined) this.packets.clone[row] = decision.clone;
    if (decision.universe !== undefined) this.packets.universe[row] = decision.universe;
    if (decision.verdict !== undefined) this.packets.verdict[row] = VERDICT[decision.verdict];
  }

  /** Ends the turn. @returns the number of collisions. */
  end(): number {
    const rows = Uint16Array.from({ length: this.packets.used }, (_, row) => row);
    const collisions = this.flows.settle(this.packets, rows, rows.length);
    this.packets.reset();
    return collisions;
  }

  /** A whole turn of one packet from outside that `clone` takes. */
  accept(spec: Spec, universe: number, clone = 1): Result {
    const [result] = this.outside(spec);
    this.decide(result!, result!.disposition === 'new' ? { clone, universe } : { clone });
    this.end();
    return result!;
  }

  /** A whole turn of one packet from inside. */
  send(spec: Spec, verdict: VerdictName, clone = 1): Result {
    const [result] = this.inside(spec);
    this.decide(result!, { clone, verdict });
    this.end();
    return result!;
  }
}
