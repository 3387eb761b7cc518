/** A clone, as far as anybody can see it from outside of the gateway. */
export interface Guest {
  readonly id: number;
  readonly address: number;
  readonly universe: number;
  readonly image: string;
  alive: boolean;
  /** Known with its first packet. */
  depth: number;
  contacted: boolean;
}

/** What a gateway must not do. */
export class Violation extends Error {}
