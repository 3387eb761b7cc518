import { type Connection, STATE } from '../simulated/connection.js';
import type { Endpoint } from './endpoint-set.js';
import type { Listener, Machines } from './machines.js';
import type { Peer, Speaker, Talk } from './peer.js';

export interface ConversationsOptions {
  readonly machines: Machines;
  /** Asks for a turn. */
  wake(): void;
  /** Makes what talks on a new connection. */
  talk(kind: number, peer: Peer, speaker: Speaker): Talk;
}

const CLOSING = [STATE.established, STATE.closeWait] as const;

/** What is said on the TCP connections of endpoints: it lies between the machine that runs and what talks. */
export class Conversations implements Listener {
  /** Conversations that go on. */
  count = 0;
  /** The clone whose segment is being heard. */
  clone = 0;
  private readonly options: ConversationsOptions;

  constructor(options: ConversationsOptions) {
    this.options = options;
    options.machines.listener = this;
  }

  opened(c: Connection): void {
    const endpoint = this.endpoint;
    const peer: Peer = {
      universe: endpoint.universe,
      clone: this.clone,
      address: c.remote,
      target: endpoint.address,
      port: c.localPort,
    };
    const conversation = new Conversation(() => this.speak(endpoint, c.slot, conversation));
    conversation.talk = this.options.talk(endpoint.kind, peer, conversation);
    endpoint.conversations[c.slot] = conversation;
    this.count++;
    conversation.talk.begin();
    this.pump(c, conversation);
  }

  data(c: Connection, bytes: Uint8Array): number {
    const conversation = this.endpoint.conversations[c.slot];
    // Whoever does not listen is not listened to: the peer sends it again when our answers have got through.
    if (!conversation || conversation.pending) return 0;
    conversation.talk.hear(bytes);
    this.pump(c, conversation);
    return bytes.length;
  }

  room(c: Connection): void {
    const conversation = this.endpoint.conversations[c.slot];
    if (conversation?.pending) this.pump(c, conversation);
  }

  ended(c: Connection): boolean {
    const conversation = this.endpoint.conversations[c.slot];
    if (!conversation) return true;
    conversation.end();
    conversation.close();
    return !conversation.pending;
  }

  failed(): void {}

  forgotten({ slot }: Connection): void {
    this.end(this.endpoint, slot);
  }

  /** Ends all conversations of an endpoint. */
  endAll(endpoint: Endpoint): void {
    for (const slot of endpoint.conversations.keys()) this.end(endpoint, slot);
  }

  private get endpoint(): Endpoint {
    return this.options.machines.current!;
  }

  private end({ conversations }: Endpoint, slot: number): void {
    const conversation = conversations[slot];
    if (!conversation) return;
    conversations[slot] = undefined;
    this.count--;
    conversation.end();
  }

  /** A talk says something while its machine does not run. */
  private speak(endpoint: Endpoint, slot: number, conversation: Conversation): void {
    const { machines, wake } = this.options;
    if (machines.current === endpoint || endpoint.conversations[slot] !== conversation) return;
    machines.run(endpoint, () => {
      const c = machines.machine.connections[slot]!;
      this.pump(c, conversation);
      machines.flush(c);
    });
    wake();
  }

  /** Queues what waits to be said, as much of it as there is room for, and closes when all is. */
  private pump(c: Connection, conversation: Conversation): void {
    const { machines } = this.options;
    for (let bytes = conversation.next; bytes; bytes = conversation.next) {
      const taken = machines.machine.queue(c, bytes);
      conversation.said(taken);
      if (taken < bytes.length) return;
    }
    if (conversation.closing && CLOSING.some((state) => state === c.state)) machines.close(c);
  }
}

/** What is said and heard on a connection. */
export class Conversation implements Speaker {
  talk!: Talk;
  closing = false;
  private over = false;
  private readonly queue: Uint8Array[] = [];
  private offset = 0;
  private readonly onSay: () => void;

  constructor(onSay: () => void) {
    this.onSay = onSay;
  }

  say(bytes: Uint8Array | string): void {
    const piece = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    if (piece.length === 0) return;
    this.queue.push(piece);
    this.onSay();
  }

  close(): void {
    this.closing = true;
    this.onSay();
  }

  /** Nothing more is heard. */
  end(): void {
    if (!this.over) this.talk.end();
    this.over = true;
  }

  /** Whether something waits to be said. */
  get pending(): boolean {
    return this.queue.length > 0;
  }

  /** What is to be said next. */
  get next(): Uint8Array | undefined {
    return this.queue[0]?.subarray(this.offset);
  }

  /** So many bytes of it have been queued. */
  said(bytes: number): void {
    this.offset += bytes;
    if (this.offset < this.queue[0]!.length) return;
    this.queue.shift();
    this.offset = 0;
  }
}
