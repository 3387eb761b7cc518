import type { Batch } from '../packet/batch.js';
import { FAULT_NAMES, FAULTS, type FaultName } from '../packet/faults.js';
import type { Packets } from '../packet/packets.js';
import type { Drop } from './element.js';

/** The drops of an element that may meet these faults: reason and its text. */
export function faultDrops<const Names extends readonly FaultName[]>(...names: Names): Record<Names[number], string> {
  return Object.fromEntries(names.map((name) => [name, FAULTS[name]])) as Record<Names[number], string>;
}

/** Drops the rows that native code found faulty, each for its reason, and passes the others on. */
export function passSound(packets: Packets, batch: Batch, drops: Readonly<Record<string, Drop>>, out: Batch): void {
  const { fault } = packets;
  const { rows, count } = batch;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (fault[row] === 0) out.add(row);
    else drops[FAULT_NAMES[fault[row]!]!]!.add(row);
  }
}

/** Puts the last `count` rows taken into an empty batch, and drops those that were received with a fault. */
export function passReceived(packets: Packets, count: number, drops: Readonly<Record<string, Drop>>, out: Batch): void {
  out.clear();
  const { fault } = packets;
  for (let row = packets.used - count; row < packets.used; row++) {
    if (fault[row] === 0) out.add(row);
    else drops[FAULT_NAMES[fault[row]!]!]!.add(row);
  }
}
