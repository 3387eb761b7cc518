/** Recordings for tests. */
import type { CapturedWire } from '../../../src/farm/pcapng.js';
import { type Direction, Recording, RecordingBudget } from '../../../src/farm/recording.js';
import { cloneMac, frame } from '../../../src/farm/wire.js';
import { parseAddress } from '../../../src/packet/address.js';
import { Packets } from '../../../src/packet/packets.js';

/** A packet table with one row, which holds the packet in an Ethernet frame. */
export function framed(packet: Uint8Array, mac: Uint8Array): { packets: Packets; row: number } {
  const packets = new Packets();
  const row = packets.take();
  packets.bytes.set(packet, packets.start[row]!);
  packets.length[row] = packet.length;
  frame(packets, row, mac);
  return { packets, row };
}

/** The wire of a clone over which these packets went. */
export function wireOf(
  clone: number,
  address: string,
  frames: readonly { at: number; direction: Direction; packet: Uint8Array; comment?: string }[],
  limit = 1 << 20,
): CapturedWire {
  const mac = cloneMac(clone);
  const recording = new Recording(new RecordingBudget(1 << 24), limit);
  for (const { at, direction, packet, comment } of frames) {
    const { packets, row } = framed(packet, mac);
    recording.add(packets, row, direction, at);
    if (comment !== undefined) recording.comment(comment);
  }
  return { address: parseAddress(address)!, mac, clone, universe: 3, image: 'linux', recording };
}
