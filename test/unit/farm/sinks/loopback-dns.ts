import { createSocket } from 'node:dgram';
import type { Test } from 'tap';

/** A DNS server on loopback that has the same addresses for every name; if there are none, no name exists. */
export async function loopbackDns(t: Test, addresses: readonly string[]): Promise<{ asked: string[]; port: number }> {
  const asked: string[] = [];
  const server = createSocket('udp4', (message, { port, address }) => {
    let at = 12;
    const labels: string[] = [];
    for (; message[at]! > 0; at += 1 + message[at]!)
      labels.push(message.toString('latin1', at + 1, at + 1 + message[at]!));
    asked.push(labels.join('.').toLowerCase());
    const head = Buffer.from(message.subarray(0, 12));
    head.writeUInt16BE(addresses.length > 0 ? 0x8180 : 0x8183, 2);
    head.writeUInt16BE(addresses.length, 6);
    head.writeUInt16BE(0, 10);
    const records = addresses.map((text) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, ...text.split('.').map(Number)]),
    );
    server.send(Buffer.concat([head, message.subarray(12, at + 5), ...records]), port, address);
  });
  await new Promise<void>((resolve) => {
    server.bind(0, '127.0.0.1', resolve);
  });
  t.teardown(() => server.close());
  return { asked, port: server.address().port };
}
