import type { Batch } from '../packet/batch.js';
import { FAULT_NAMES, FAULTS, type FaultName } from '../packet/faults.js';
import type { Packets } from '../packet/packets.js';
import type { Drop } from './element.js';

/** The drop for a fault that the element did not expect: a packet may never be what ends the gateway. */
const UNEXPECTED = 'faulty';

/** The drops of an element that may meet these faults: reason and its text. */
export function faultDrops<const Names extends readonly FaultName[]>(
  ...names: Names
): Record<Names[number] | typeof UNEXPECTED, string> {
  const reasons = Object.fromEntries(names.map((name) => [name, FAULTS[name]])) as Record<Names[number], string>;
  return { ...reasons, [UNEXPECTED]: 'broken in a way that is not expected here' };
}

/** What faultDrops() declares. */
type FaultDrops = Readonly<Record<string, Drop> & Record<typeof UNEXPECTED, Drop>>;

function dropFaulty({ fault }: Packets, row: number, drops: FaultDrops): void {
  const reason = FAULT_NAMES[fault[row]!];
  (reason === undefined ? drops[UNEXPECTED] : (drops[reason] ?? drops[UNEXPECTED])).add(row);
}

/** Drops the rows that native code found faulty, each for its reason, and passes the others on. */
export function passSound(packets: Packets, batch: Batch, drops: FaultDrops, out: Batch): void {
  const { fault } = packets;
  const { rows, count } = batch;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (fault[row] === 0) out.add(row);
    else dropFaulty(packets, row, drops);
  }
}

/** Puts the last `count` rows taken into an empty batch, and drops those that were received with a fault. */
export function passReceived(packets: Packets, count: number, drops: FaultDrops, out: Batch): void {
  out.clear();
  const { fault } = packets;
  for (let row = packets.used - count; row < packets.used; row++) {
    if (fault[row] === 0) out.add(row);
    else dropFaulty(packets, row, drops);
  }
}
