import cap from 'cap';
import { formatAddress } from '../../address.js';
import type { LibraryOptions } from '../library.js';
import type { Library, Sink } from './main.js';

/** The longest frame that can be captured. */
const FRAME = 65535;

/** Bytes in front of the IPv4 header of a frame, or -1 if it carries something else. */
const FRAMING: Record<string, (frame: Buffer, bytes: number) => number> = {
  ETHERNET(frame, bytes) {
    let at = 12;
    // 802.1Q and 802.1ad tags.
    while (at + 2 <= bytes && (frame.readUInt16BE(at) === 0x8100 || frame.readUInt16BE(at) === 0x88a8)) at += 4;
    return at + 2 <= bytes && frame.readUInt16BE(at) === 0x0800 ? at + 2 : -1;
  },
  LINKTYPE_LINUX_SLL: (frame, bytes) => (bytes >= 16 && frame.readUInt16BE(14) === 0x0800 ? 16 : -1),
  NULL: (frame, bytes) => (bytes >= 4 && frame.readUInt32LE(0) === 2 ? 4 : -1),
  RAW: () => 0,
};

/** Captures with libpcap. `cap` does not tell what libpcap dropped. */
export function open(options: LibraryOptions, sink: Sink): Library {
  const filter = [
    'inbound and ip',
    ...(options.protocol === 0 ? [] : [`ip proto ${options.protocol}`]),
    ...(options.local === 0 ? [] : [`ip dst host ${formatAddress(options.local)}`]),
  ].join(' and ');
  const frame = Buffer.alloc(FRAME);
  const capture = new cap.Cap();
  const link = capture.open(options.interface, filter, options.buffer, frame);
  const strip = FRAMING[link];
  if (strip === undefined) throw new Error(`link type ${link} is not supported by METHOD PCAP; use METHOD RING`);
  capture.on('packet', (bytes) => {
    const start = strip(frame, bytes);
    if (start >= 0) sink.put(frame, start, bytes);
  });
  return { send: () => sink.lost() };
}
