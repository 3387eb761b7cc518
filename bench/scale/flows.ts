import { BATCH } from '../../src/packet/columns.js';
import { Flows } from '../../src/packet/flows.js';
import { Packets } from '../../src/packet/packets.js';
import { median, medianTime } from '../suite.js';
import type { Costs } from './size.js';

/** Batches that are timed. */
const BATCHES = 2000;
const SYN = 2;

/** A flow table that is filled: what a packet of a new flow and of a known one cost, and the memory of a flow. */
export function flowCosts(size: number): Costs {
  const flows = new Flows({ capacity: size, fragments: 1 });
  const packets = new Packets();
  const rows = Uint16Array.from({ length: BATCH }, () => packets.take());
  const write = (first: number, step: number) => {
    for (let i = 0, flow = first % size; i < BATCH; i++, flow = (flow + step) % size) {
      const row = rows[i]!;
      packets.src[row] = 0x14000000 + flow;
      packets.dst[row] = 0x0a010000 + (flow & 0xffff);
      packets.sport[row] = 40_000;
      packets.dport[row] = 445;
      packets.proto[row] = 6;
      packets.tcpFlags[row] = SYN;
      packets.universe[row] = 0;
      packets.clone[row] = 1;
    }
  };
  const turn = () => {
    flows.outside(packets, rows, BATCH, 1);
    packets.universe.fill(7);
    flows.settle(packets, rows, BATCH);
  };
  // The last of the entries are those that are timed: the table is as full as it gets.
  const filled = Math.floor(size / BATCH);
  const timed = Math.max(1, Math.min(BATCHES, filled >> 2));
  const spent = new Float64Array(timed);
  for (let i = 0; i < filled; i++) {
    write(i * BATCH, 1);
    const start = performance.now();
    turn();
    const place = i - (filled - timed);
    if (place >= 0) spent[place] = (performance.now() - start) * 1e6;
  }
  const step = Math.floor(size * 0.618) | 1;
  let at = 0;
  const known = medianTime(BATCHES, turn, () => {
    at = (at + step) % size;
    write(at, step);
  });
  return { new: median(spent) / BATCH, known: known / BATCH, bytes: flows.bytes / size };
}
