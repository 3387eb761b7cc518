/** The sender of the suite drivers, in a process of its own: offer.js NAMESPACE RATE SECONDS. It sends GRE packets, all alike. */
import { native } from '../src/native/addon.js';
import { Packets } from '../src/packet/packets.js';
import { add, packet } from '../test/e2e/packets.js';

const GRE = 47;
const SIZE = 100;
/** Packets of one system call. */
const BURST = 32;

const [space, rate, seconds] = [process.argv[2]!, ...process.argv.slice(3).map(Number)] as [string, number, number];
native.enterNamespace(space);
const link = native.openLink('leg', Uint8Array.of(2, 0, 0, 0, 0, 2));
const packets = new Packets();
for (let i = 0; i < BURST; i++) add(packets, packet({ size: SIZE, protocol: GRE, id: i + 1 }));
const rows = Uint16Array.from({ length: BURST }, (_, i) => i);

const start = performance.now();
let sent = 0;
for (let now = start; now < start + seconds * 1000; now = performance.now()) {
  while (sent < ((now - start) / 1000) * rate) sent += Math.max(0, link.send(packets.bytes, rows, BURST));
}
process.send?.({ sent, seconds: (performance.now() - start) / 1000 });
process.disconnect?.();
