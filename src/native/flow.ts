/** Flows by state. */
export interface FlowCounts {
  pending: number;
  tcpOpening: number;
  tcpOpen: number;
  tcpClosing: number;
  tcpClosed: number;
  udp: number;
  icmp: number;
}

/**
 * The flow table's work on batches. Use it through src/packet/flows.ts. `flows` and `fragments` are the memory of two
 * tables, `packets` the bytes of a packet table; a TypeError says if one is not. Times are in seconds.
 */
export interface FlowNative {
  flowConfigure(flows: Uint8Array, tcpEstablished: number, tcpTransitory: number, udp: number, icmp: number): void;
  flowOutside(
    flows: Uint8Array,
    fragments: Uint8Array,
    packets: Uint8Array,
    rows: Uint16Array,
    n: number,
    now: number,
    dispositions: Uint8Array,
  ): void;
  flowInside(
    flows: Uint8Array,
    fragments: Uint8Array,
    packets: Uint8Array,
    rows: Uint16Array,
    n: number,
    now: number,
    dispositions: Uint8Array,
  ): void;
  flowSettle(flows: Uint8Array, fragments: Uint8Array, packets: Uint8Array, rows: Uint16Array, n: number): number;
  flowSweep(flows: Uint8Array, fragments: Uint8Array, now: number, budget: number): number;
  flowCount(flows: Uint8Array, fragments: Uint8Array): FlowCounts;
}
