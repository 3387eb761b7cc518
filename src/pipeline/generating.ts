import { MAX_PACKET } from '../packet/columns.js';
import { samplePacket } from '../packet/sample.js';
import { Element } from './element.js';
import type { Spec } from './spec.js';
import { boolean, data, type Key, limit, positional } from './values.js';

const SAMPLE = samplePacket();

/** Keys that all sources of made-up packets share; each makes positional those that are so in Click. */
export const sourceKeys = {
  data: positional(
    data(SAMPLE, 'The packet, from its IP header on. Default: 64 bytes of UDP to port 9 of 192.0.2.1.', MAX_PACKET),
  ),
  active: boolean(true, 'Whether it gives packets.'),
  stop: boolean(false, 'Whether the run may end when LIMIT is reached.'),
};

export const limitKey = limit(Number.POSITIVE_INFINITY, 'Packets to give in all; -1 for no end.');

/** Handlers that all of them have. */
export const sourceHandlers = {
  count: { read: 'packets given' },
  reset: { write: 'starts counting from zero, so that it gives LIMIT packets again' },
  data: { read: 'the packet, in hexadecimal', write: 'sets it' },
  limit: { read: 'packets to give in all', write: 'sets it' },
  active: { read: 'whether it gives packets', write: 'true or false' },
} as const;

interface GeneratorSpec extends Spec {
  readonly inputs: Record<string, never>;
  readonly outputs: { readonly out: string };
  readonly config: typeof sourceKeys & { readonly limit: typeof limitKey } & Readonly<Record<string, Key<unknown>>>;
}

const here = { folder: '.' };

/** A source that gives one packet again and again. */
export abstract class Generator<S extends GeneratorSpec> extends Element<S> {
  protected count = 0;
  protected active: boolean;
  protected limit: number;
  private bytes: Uint8Array;

  constructor(setup: ConstructorParameters<typeof Element<S>>[0]) {
    super(setup);
    const { active, limit, data } = setup.config as { active: boolean; limit: number; data: Uint8Array };
    this.active = active;
    this.limit = limit;
    this.bytes = data;
  }

  /** Gives up to `most` packets, and returns how many. */
  protected give(most: number): number {
    const { packets } = this;
    const { out } = this.out as { out: { add(row: number): void } };
    const now = this.now();
    const sec = Math.floor(now);
    let given = 0;
    for (; given < most && this.active && this.count < this.limit; given++) {
      const row = packets.take();
      if (row === -1) break;
      packets.bytes.set(this.bytes, packets.start[row]!);
      packets.length[row] = this.bytes.length;
      packets.sec[row] = sec;
      packets.nsec[row] = Math.min(999_999_999, Math.round((now - sec) * 1e9));
      out.add(row);
      this.count++;
    }
    return given;
  }

  override get ended(): boolean | undefined {
    return (this.config as { stop: boolean }).stop ? this.count >= this.limit : undefined;
  }

  override handlers(): ReturnType<Element<S>['handlers']> {
    const change = (apply: () => void) => {
      apply();
      this.services.wake();
    };
    return {
      count: { read: () => String(this.count) },
      reset: {
        write: () =>
          change(() => {
            this.count = 0;
          }),
      },
      data: {
        read: () => sourceKeys.data.format(this.bytes),
        write: (text) => {
          this.bytes = sourceKeys.data.parse(text, here);
        },
      },
      limit: {
        read: () => limitKey.format(this.limit),
        write: (text) =>
          change(() => {
            this.limit = limitKey.parse(text.trim(), here);
          }),
      },
      active: {
        read: () => String(this.active),
        write: (text) =>
          change(() => {
            this.active = sourceKeys.active.parse(text.trim(), here);
          }),
      },
    };
  }
}
