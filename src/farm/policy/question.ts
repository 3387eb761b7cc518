import { native } from '../../native/addon.js';
import { parseAddress } from '../../packet/address.js';
import { Batch } from '../../packet/batch.js';
import { checkHeaders } from '../../packet/check.js';
import type { Packets } from '../../packet/packets.js';
import { TCP_FLAGS } from '../../packet/pattern/names.js';

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17 };
/** Bytes of each transport header. */
const HEADERS: Readonly<Record<number, number>> = { 1: 8, 6: 20, 17: 8 };

const FORM = /^(icmp|tcp|udp|proto (\d{1,3}))\s+([\d.]+)(?::(\d{1,5}))?\s*>\s*([\d.]+)(?::(\d{1,5}))?((?:\s+[a-z]+)*)$/;

const EXPECTED =
  "expected a packet such as 'tcp 10.99.1.2:4444 > 198.51.100.7:25', 'udp …', 'icmp 10.99.1.2 > 198.51.100.7'";

/**
 * Makes the packet that a text describes: `tcp 10.99.1.2:4444 > 198.51.100.7:25 syn ack`. A TCP packet without flags is a SYN,
 * an ICMP packet an echo request.
 * @returns its row
 * @throws {Error} that says what was expected
 */
export function makePacket(packets: Packets, text: string, payload: Uint8Array): number {
  const match = FORM.exec(text.trim());
  if (!match) throw new Error(`${EXPECTED}, not '${text}'`);
  const [, name, number, from, sport, to, dport, words] = match;
  const proto = PROTOCOLS[name!] ?? Number(number);
  const [src, dst] = [parseAddress(from!), parseAddress(to!)];
  const ports = [Number(sport ?? 0), Number(dport ?? 0)] as const;
  const ported = proto === 6 || proto === 17;
  const wrong =
    src === undefined ||
    dst === undefined ||
    proto > 255 ||
    ports.some((port) => port > 0xffff) ||
    ported !== (sport !== undefined) ||
    ported !== (dport !== undefined);
  if (wrong) throw new Error(`${EXPECTED}, not '${text}'`);
  let flags = 0;
  for (const word of words!.split(/\s+/).filter(Boolean)) {
    const flag = proto === 6 ? TCP_FLAGS.get(word) : undefined;
    if (flag === undefined)
      throw new Error(`expected TCP flags such as 'syn ack' after the destination, not '${word}'`);
    flags |= flag;
  }

  const row = packets.take();
  const { view } = packets;
  const start = packets.start[row]!;
  const header = HEADERS[proto] ?? 0;
  const length = 20 + header + payload.length;
  packets.bytes.fill(0, start, start + length);
  packets.length[row] = length;
  view.setUint16(start, 0x4500);
  view.setUint16(start + 2, length);
  view.setUint16(start + 8, (64 << 8) | proto);
  view.setUint32(start + 12, src);
  view.setUint32(start + 16, dst);
  if (ported) {
    view.setUint16(start + 20, ports[0]);
    view.setUint16(start + 22, ports[1]);
  }
  if (proto === 1) view.setUint8(start + 20, 8);
  if (proto === 6) view.setUint16(start + 32, (5 << 12) | (flags || TCP_FLAGS.get('syn')!));
  if (proto === 17) view.setUint16(start + 24, header + payload.length);
  packets.bytes.set(payload, start + 20 + header);
  const batch = new Batch();
  batch.add(row);
  if (native.ipFinish(packets.bytes, batch.rows, 1) > 0 || checkHeaders(packets, batch, true) < 0)
    throw new Error(`no such packet can be: '${text}'`);
  return row;
}
