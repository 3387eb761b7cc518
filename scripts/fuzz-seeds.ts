/**
 * Writes what a fuzz target starts from: captures of test/data, the frames in them, or the IPv4 packets in those; or
 * requests to the launcher. Targets that read steps and columns take the packets for mere bytes.
 *
 *   node dist/scripts/fuzz-seeds.js TARGET DIRECTORY
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { killMessage, launchMessage } from '../src/farm/qemu/launcher-messages.js';

const [target, directory] = process.argv.slice(2) as [string, string];
const folders = ['fragments', 'gre', 'linktypes', 'malformed'];

/** Bytes before the IPv4 packet in a frame without tags, by link type. */
const LINK = new Map([[0, 4], [1, 14], [101, 0], [113, 16], [228, 0], [276, 20]]); // biome-ignore format: a table

/** The first frames of a little-endian pcap file; none of any other. */
function frames(file: Buffer, most: number): { linkType: number; frame: Buffer }[] {
  if (file.length < 24 || ![0xa1b2c3d4, 0xa1b23c4d].includes(file.readUInt32LE(0))) return [];
  const found = [];
  for (let at = 24; at + 16 <= file.length && found.length < most; ) {
    const end = at + 16 + file.readUInt32LE(at + 8);
    if (end > file.length) break;
    found.push({ linkType: file.readUInt32LE(20), frame: file.subarray(at + 16, end) });
    at = end;
  }
  return found;
}

/** What ring_fuzz.cc takes for a frame whose UDP checksum was left to the device. */
function ringFrame(frame: Buffer, header: number): Buffer {
  const before = 10; // struct virtio_net_hdr
  const said = [before, before + header, frame.length, frame.length];
  const offload = [1, 0, 0, header + 20, 6]; // flags and type, two lengths, csumStart, csumOffset
  return Buffer.concat([Buffer.from(Uint16Array.from([...said, ...offload]).buffer), frame]);
}

/** What classify_fuzz.cc takes for a packet and a program with a step for each thing that can be read. */
function programFor(packet: Buffer): Buffer {
  const input = Buffer.alloc(80);
  packet.copy(input);
  input[0]! |= 1; // start at the last step
  const steps = Array.from({ length: 9 }, (_, i) => {
    const [yes, no] = i === 0 ? [-1, -2] : [(i - 1) * 9, (i >> 1) * 9];
    return [i, i % 3, 2, 2, 0, 0xffff, 53, yes, no];
  });
  return Buffer.concat([input, Buffer.from(Int32Array.from(steps.flat()).buffer)]);
}

/** What it takes for a packet and a decision table that asks for the protocol and a port. */
function tableFor(packet: Buffer): Buffer {
  const input = Buffer.alloc(80);
  packet.copy(input);
  const protocols = Array.from({ length: 256 }, (_, proto) => proto % 3);
  const table = [2, 4, ...protocols, 3, 2, 80, 3, 81, 0xfffd, 0, 1, 2, 3, 4, 5];
  return Buffer.concat([input, Buffer.from(Uint32Array.from(table).buffer)]);
}

/** An ICMP error about a packet; flow_fuzz.cc makes its checksums right. */
function errorAbout(packet: Buffer): Buffer {
  const error = Buffer.alloc(28);
  error[0] = 0x45;
  error[9] = 1;
  packet.copy(error, 16, 12, 16);
  error[20] = 3;
  const whole = Buffer.concat([error, packet.subarray(0, 28)]);
  whole.writeUInt16BE(whole.length, 2);
  return whole;
}

/** What flow_fuzz.cc takes for these packets: each from outside, the answer of the clone that took it, and an error. */
function turns(packets: Buffer[]): Buffer {
  const inside = 1;
  const taken = 8;
  const endsTurn = 16;
  const reply = 128;
  return Buffer.concat(
    packets.flatMap((packet) => {
      const bytes = packet.subarray(0, 255);
      const sent: [bits: number, bytes: Buffer][] = [
        [taken, bytes],
        [taken | inside | reply | endsTurn, bytes],
        [inside | endsTurn, errorAbout(bytes)],
      ];
      return sent.flatMap(([bits, bytes]) => [
        Buffer.from([bits, bytes.length]),
        bytes,
        Buffer.from([1, 1]), // universe, verdict
      ]);
    }),
  );
}

/** What launcher_fuzz.cc takes for a machine that is started and killed. */
function requests(): Buffer {
  const settings = ['memory.max', 'pids.max'].map((file, group) => ({ group, file, value: '64' }));
  const limits = { files: 64, processes: 64, fileBytes: 2 ** 30 };
  const argv = ['/usr/bin/program', '-nodefaults', ''];
  return Buffer.concat([launchMessage({ id: 7, slot: 1, ...limits, descriptors: 4, settings, argv }), killMessage(7)]);
}

/** The inputs of a target that one capture gives. */
function seeds(file: Buffer): Buffer[] {
  if (target === 'capture') return [file];
  const taken = frames(file, 5);
  if (target === 'link') return taken.map(({ frame }) => frame);
  if (target === 'ring') return taken.map(({ linkType, frame }) => ringFrame(frame, LINK.get(linkType) ?? 0));
  const packets = taken.map(({ linkType, frame }) => frame.subarray(LINK.get(linkType) ?? 0));
  if (target === 'flow') return [turns(packets)];
  if (target === 'classify') return packets.flatMap((packet) => [programFor(packet), tableFor(packet)]);
  // Before the packet stand the flags of the tunnel, or the number of workers, and a byte more.
  const before = target === 'gre' ? 0x3c : target === 'spread' ? 6 : undefined;
  return before === undefined ? packets : packets.map((packet) => Buffer.concat([Buffer.from([before, 3]), packet]));
}

mkdirSync(directory, { recursive: true });
if (target === 'launcher') writeFileSync(`${directory}/requests`, requests());
for (const folder of target === 'launcher' ? [] : folders) {
  for (const name of readdirSync(`test/data/${folder}`)) {
    const file = readFileSync(`test/data/${folder}/${name}`);
    if (file.length > 16_384) continue;
    for (const [i, bytes] of seeds(file).entries()) writeFileSync(`${directory}/${name}-${i}`, bytes);
  }
}
