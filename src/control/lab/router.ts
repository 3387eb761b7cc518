/**
 * The process that is the router's end of the tunnel: what the router's kernel sends to the telescope comes in by a
 * TUN device and goes to the gateway in GRE, and back. Arguments: its namespace, and the path of its socket, at which
 * it tells its counters.
 */
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { native } from '../../native/addon.js';
import type { NativeDevice } from '../../native/device.js';
import { parseAddress } from '../../packet/address.js';
import { BATCH, ROWS } from '../../packet/columns.js';
import { Packets } from '../../packet/packets.js';
import { isAstray } from './astray.js';
import { decapsulate, encapsulate } from './gre.js';
import { ADDRESSES, INTERFACES } from './layout.js';

/** Packets since the start. */
export interface RouterCounters {
  /** Into the tunnel, to the gateway. */
  into: number;
  /** Out of the tunnel, to the attacker. */
  out: number;
  /** Out of the tunnel, and stopped here: see isAstray(). */
  astray: number;
  /** Not forwarded: no IPv4, no GRE, or a queue of the kernel was full. */
  lost: number;
}

/** What it tells the process that started it. */
export type RouterMessage = { readonly ready: true } | { readonly error: string };

const GRE = 47;
const RECEIVE_BUFFER = 16 << 20;
/** Batches in a turn of the event loop, so that a flood in one direction does not starve the other. */
const TURN = 4;

const [namespace, socket] = process.argv.slice(2) as [string, string];
const gateway = parseAddress(ADDRESSES.gateway)!;
const router = parseAddress(ADDRESSES.router)!;
const counters: RouterCounters = { into: 0, out: 0, astray: 0, lost: 0 };

/** Carries what waits at one device to the other. `prepare` tells whether a packet goes on, and counts it. */
function carry(from: NativeDevice, to: NativeDevice, prepare: (packets: Packets, row: number) => boolean): () => void {
  const packets = new Packets();
  const rows = new Uint16Array(ROWS);
  return () => {
    for (let batch = 0; batch < TURN; batch++) {
      const received = from.receive(packets.bytes, 0, BATCH);
      if (received < 0) throw new Error(`a device of the router has failed: errno ${-received}`);
      let count = 0;
      for (let row = 0; row < received; row++) {
        if (packets.fault[row] !== 0) counters.lost++;
        else if (prepare(packets, row)) rows[count++] = row;
      }
      if (count > 0) counters.lost += count - Math.max(0, to.send(packets.bytes, rows, count));
      if (received < BATCH) return;
    }
  };
}

function intoTunnel(packets: Packets, row: number): boolean {
  encapsulate(packets, row, router, gateway);
  counters.into++;
  return true;
}

function outOfTunnel(packets: Packets, row: number): boolean {
  if (!decapsulate(packets, row)) {
    counters.lost++;
    return false;
  }
  const astray = isAstray(packets, row);
  counters[astray ? 'astray' : 'out']++;
  return !astray;
}

function tell(message: RouterMessage): void {
  process.send?.(message, () => process.disconnect());
}

try {
  process.title = `potemkin lab: ${namespace}`;
  native.enterNamespace(namespace);
  const tun = native.openTun(INTERFACES.dark);
  const leg = native.openRaw({
    protocol: GRE,
    local: router,
    interface: INTERFACES.leg,
    receiveBuffer: RECEIVE_BUFFER,
  });
  tun.onReadable(carry(tun, leg, intoTunnel));
  leg.onReadable(carry(leg, tun, outOfTunnel));
  rmSync(socket, { force: true });
  createServer((connection) => {
    connection.on('error', () => {});
    connection.end(JSON.stringify(counters));
  })
    .on('error', (error) => {
      tell({ error: error.message });
      process.exitCode = 1;
    })
    .listen(socket, () => tell({ ready: true }));
} catch (error) {
  tell({ error: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
