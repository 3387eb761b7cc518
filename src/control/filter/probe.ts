import { native } from '../../native/addon.js';
import { Batch } from '../../packet/batch.js';
import { Packets } from '../../packet/packets.js';
import { encapsulate, makeTunnel } from '../../packet/tunnel.js';
import { IP_HEADER } from './header.js';
import type { Exit } from './plan.js';

/** A neighbour that nobody is, should a probe get out. */
const NOBODY = new Uint8Array(6);
/** For experiments (RFC 3692). */
const PROTOCOL = 253;

/**
 * Sends a packet that no ceiling lets out, by an exit's interface and in its tunnel, as the gateway sends: from nowhere to
 * nowhere, and at the end of its life, so that no router passes it on.
 */
export function sendProbe({ device, tunnel }: Pick<Exit, 'device' | 'tunnel'>): void {
  const packets = new Packets();
  const batch = new Batch();
  const row = packets.take();
  const at = packets.start[row]!;
  packets.length[row] = IP_HEADER;
  packets.view.setUint32(at, 0x45000000 | IP_HEADER);
  packets.view.setUint32(at + 8, PROTOCOL << 16);
  batch.add(row);
  if (tunnel) {
    const { local, remote, key, checksum, sequence } = tunnel;
    encapsulate(packets, batch, makeTunnel({ local, remote, checksum, sequence, ...(key !== undefined && { key }) }));
  }
  const link = native.openLink(device, NOBODY);
  try {
    link.send(packets.bytes, batch.rows, batch.count);
  } finally {
    link.close();
  }
}
