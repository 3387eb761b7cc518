import { native } from '../../native/addon.js';
import { Batch } from '../batch.js';
import { ROWS } from '../columns.js';
import type { Packets } from '../packets.js';

export interface ReadyOptions {
  readonly packets: Packets;
  pass(row: number, port: number): void;
  /** What the packet says of its lengths does not hold. */
  drop(row: number, reason: 'faulty'): void;
}

/** Rows that go on, in order, when their checksums are right. */
export class Ready {
  private readonly options: ReadyOptions;
  private readonly rows = new Batch();
  /** By row: the port by which it goes on. */
  private readonly ports = new Uint8Array(ROWS);
  /** Rows whose checksums are to be made right. */
  private readonly changed = new Batch();

  constructor(options: ReadyOptions) {
    this.options = options;
  }

  /** A row that is as it came. */
  add(row: number, port: number): void {
    this.options.packets.fault[row] = 0;
    this.put(row, port);
  }

  /** A row that is complete but for its checksums. */
  addChanged(row: number, port: number): void {
    this.changed.add(row);
    this.put(row, port);
  }

  /** Makes the checksums of what was changed right, and passes on what is ready. */
  finish(): void {
    const { rows: ready, changed, ports } = this;
    const { packets, pass, drop } = this.options;
    if (changed.count > 0) native.ipFinish(packets.bytes, changed.rows, changed.count);
    for (let i = 0; i < ready.count; i++) {
      const row = ready.rows[i]!;
      if (packets.fault[row] === 0) pass(row, ports[row]!);
      else drop(row, 'faulty');
    }
    changed.clear();
    ready.clear();
  }

  private put(row: number, port: number): void {
    this.ports[row] = port;
    this.rows.add(row);
  }
}
