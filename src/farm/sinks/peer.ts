/** Who talks to a sink: a clone, which takes the sink for the machine that has an address of its universe. */
export interface Peer {
  readonly universe: number;
  readonly clone: number;
  /** The clone's address, and the one that it talks to. */
  readonly address: number;
  readonly target: number;
  /** The port that it talks to. */
  readonly port: number;
}

/** What a sink says on a TCP connection. */
export interface Speaker {
  say(bytes: Uint8Array | string): void;
  /** Closes the connection when all has been said. */
  close(): void;
}

/** One TCP connection, as its sink sees it. */
export interface Talk {
  /** The connection is open. */
  begin(): void;
  /** More has come. */
  hear(bytes: Uint8Array): void;
  /** It is over: the peer has closed it, or it was lost. Called once. */
  end(): void;
}

/** What sinks tell about what clones do with them. */
export interface Reporter {
  /** A line for people; strangers choose parts of it. */
  tell(peer: Peer, what: string): void;
  readonly now: number;
}
