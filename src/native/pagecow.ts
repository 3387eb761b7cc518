/** The copy-on-write memory pool. Use it through src/farm/pool.ts, which validates. */
export interface PagecowNative {
  /** Bytes of a page of memory on this machine. */
  readonly pageSize: number;
}
