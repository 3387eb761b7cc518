import { native } from '../native/addon.js';
import type { FlowCounts } from '../native/flow.js';
import { ROWS } from './columns.js';
import type { Packets } from './packets.js';
import { PASSES, Table } from './table.js';

/** Words of the flow table's header: see native/table.h. */
const PENDING = 11;

export interface FlowOptions {
  /**
   * Flows at once. Clones may open them as long as three quarters are not in use. In a full table flows that are no open TCP
   * connections give way after 2 s.
   */
  capacity: number;
  /** Fragmented datagrams at once whose ports are remembered, for 30 s; the oldest is forgotten first. Default: 4096. */
  fragments?: number;
  /** Seconds a TCP connection may be quiet that is open both ways. Default: 300. */
  tcpEstablished?: number;
  /** Seconds a TCP connection may be quiet that is being opened or closed, or is closed. Default: 60. */
  tcpTransitory?: number;
  /** Seconds a UDP flow may be quiet. Default: 60. */
  udp?: number;
  /** Seconds an ICMP echo flow may be quiet. Default: 30. */
  icmp?: number;
  /** 16 bytes that make hashes unpredictable. Default: random. */
  seed?: Uint8Array;
}

/**
 * The flow table: which flow, universe and verdict each packet has. One entry serves both directions of a flow.
 *
 * A flow lies in a key space: 0 if the outside takes part in it, else that of its universe. So the same 5-tuple may be
 * in use in every universe, and a packet never matches a flow of another one.
 *
 * A turn goes so: outside() and inside() on the turn's batches; the graph decides about them; settle() once with
 * all rows that were classified. No slot changes its flow within a turn.
 *
 * TCP state follows flags alone; sequence numbers are not tracked. A RST closes a flow until the end that sent it
 * goes on with it, which shortens its timeout and lets a new SYN open it anew, and no more.
 */
export class Flows {
  /** Result of outside() and inside(): entry i is a DISPOSITION of src/packet/flow.ts, that of rows[i]. */
  readonly dispositions = new Uint8Array(ROWS);
  readonly #flows: Table;
  readonly #fragments: Table;
  readonly #header: Uint32Array;

  /** @throws TypeError or RangeError if an option is out of its range. */
  constructor(options: FlowOptions) {
    const { capacity, fragments = 4096, tcpEstablished = 300, tcpTransitory = 60, udp = 60, icmp = 30 } = options;
    const seed = options.seed ? { seed: options.seed } : {};
    this.#flows = new Table({ keyWords: 5, valueWords: 4, capacity, batch: 0, ...seed });
    this.#fragments = new Table({ keyWords: 4, valueWords: 1, capacity: fragments, batch: 0, ...seed });
    const { buffer, byteOffset } = this.#flows.memory;
    this.#header = new Uint32Array(buffer, byteOffset, 32);
    native.flowConfigure(this.#flows.memory, tcpEstablished, tcpTransitory, udp, icmp);
  }

  /**
   * Classifies packets from the Internet whose parse columns are filled in: sets `flow`, `flowState`, `verdict`, `decision` and
   * `age`, and `universe` where the flow is known.
   *
   * What may open a flow and belongs to none gets a pending one. ICMP errors follow the packet they quote if they
   * are addressed to its sender; they open nothing and keep nothing alive. Later fragments follow their first one.
   *
   * @param rows row numbers, of which the first n count
   * @param now seconds; wraps at 2^32
   */
  outside(packets: Packets, rows: Uint16Array, n: number, now: number): void {
    native.flowOutside(this.#flows.memory, this.#fragments.memory, packets.bytes, rows, n, now, this.dispositions);
  }

  /**
   * Classifies packets from clones, whose `universe` is set; without one they are strays. FLOW.collides says that
   * the tuple is in use towards the outside by someone else, so the packet must not be forwarded. So it is with a SYN
   * of a clone to who has just connected to it, which is no answer. An ICMP error is about a packet that the clone itself
   * was sent.
   */
  inside(packets: Packets, rows: Uint16Array, n: number, now: number): void {
    native.flowInside(this.#flows.memory, this.#fragments.memory, packets.bytes, rows, n, now, this.dispositions);
  }

  /**
   * Ends the turn. A flow is kept if one of its rows says so: its `clone` is not 0, or it came from inside and its
   * `verdict` is not 0. Others are forgotten, known ones too: their clone is gone. Rows of ICMP errors have no say.
   *
   * The first such row of a new flow gives it its universe and verdict; rows that claim another universe are ignored.
   * Of a known flow rows from inside set the verdict, and with it the decision. A flow that a clone opened moves to key space 0 when its
   * verdict is `forward`, and back when it is no longer; it gets another slot then.
   *
   * @returns flows that could not move to key space 0 because the tuple is taken there. They stay in their universe,
   *   undecided, and their next packet collides.
   */
  settle(packets: Packets, rows: Uint16Array, n: number): number {
    return native.flowSettle(this.#flows.memory, this.#fragments.memory, packets.bytes, rows, n);
  }

  /** Removes what has expired from the next `budget` buckets of 14 places. @returns how many flows. */
  sweep(now: number, budget = this.#flows.buckets): number {
    return native.flowSweep(this.#flows.memory, this.#fragments.memory, now, budget);
  }

  /** Sweeps the next sixteenth of the table: for a call every second, which must not take long. */
  sweepSome(now: number): number {
    return this.size === 0 ? 0 : this.sweep(now, Math.ceil(this.#flows.buckets / PASSES));
  }

  /** Flows by state. Walks the whole table: for people, not for every turn. */
  count(): FlowCounts {
    return native.flowCount(this.#flows.memory, this.#fragments.memory);
  }

  /** Flows now, pending ones and expired ones that nothing came by yet included. */
  get size(): number {
    return this.#flows.size;
  }

  /** New flows of this turn that nothing was decided about. */
  get pending(): number {
    return this.#header[PENDING]!;
  }

  /** Packets that could have opened a flow but for a full table. */
  get refused(): number {
    return this.#flows.refused;
  }

  /** Flows that were quiet for too long. */
  get expired(): number {
    return this.#flows.expired;
  }

  /** Buckets to sweep. */
  get buckets(): number {
    return this.#flows.buckets;
  }

  /** Slot numbers are below this, and flow columns not above it. */
  get places(): number {
    return this.#flows.places;
  }

  /** Fragmented datagrams that are remembered. */
  get fragments(): number {
    return this.#fragments.size;
  }

  /** Bytes of memory at most. */
  get bytes(): number {
    return this.#flows.bytes + this.#fragments.bytes;
  }
}
