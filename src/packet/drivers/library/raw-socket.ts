import raw from 'raw-socket';
import { formatAddress } from '../../address.js';
import { MAX_PACKET } from '../../columns.js';
import type { LibraryOptions } from '../library.js';
import type { Library, Sink } from './main.js';

/** Packets that may wait to be sent. */
const OUTBOX = 1024;

const IP_HEADER = 20;
const IP_DESTINATION = 16;

export function open({ protocol, local, interface: name, buffer }: LibraryOptions, sink: Sink): Library {
  // A byte more than fits tells that a packet is too long.
  const socket = raw.createSocket({ protocol, bufferSize: MAX_PACKET + 1 });
  const device = Buffer.from(name);
  socket.setOption(raw.SocketLevel.SOL_SOCKET, raw.SocketOption.SO_BINDTODEVICE, device, device.length);
  socket.setOption(raw.SocketLevel.SOL_SOCKET, raw.SocketOption.SO_RCVBUF, buffer);
  socket.setOption(raw.SocketLevel.IPPROTO_IP, raw.SocketOption.IP_HDRINCL, 1);
  socket.on('message', (packet) => {
    if (packet.length < IP_HEADER) return;
    if (local === 0 || packet.readUInt32BE(IP_DESTINATION) === local) sink.put(packet, 0, packet.length);
  });
  let waiting = 0;
  return {
    send(bytes) {
      if (waiting >= OUTBOX || bytes.length < IP_HEADER) return sink.lost();
      waiting++;
      // A copy, because the socket sends later.
      const packet = Buffer.from(bytes);
      const to = formatAddress(packet.readUInt32BE(IP_DESTINATION));
      socket.send(packet, 0, packet.length, to, (error) => {
        waiting--;
        if (error !== null) sink.lost();
      });
    },
  };
}
