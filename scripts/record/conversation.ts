/** Captures of TCP clients that get real answers from a graph. */
import { readFileSync, writeFileSync } from 'node:fs';
import { ADDRESSES } from '../../src/control/lab/layout.js';
import type { Call } from '../../src/control/story/chapters.js';
import { type Answer, replay } from '../../src/control/story/replay.js';
import { parseAddress } from '../../src/packet/address.js';
import { captureHeader } from '../../src/packet/capture.js';

/** A call, and when it begins in seconds since the epoch. */
export interface TimedCall {
  readonly call: Call;
  readonly time: number;
}

const ROUNDS = 20;

/** Seconds: from a packet to its acknowledgment, and from a call's beginning to its end. */
const ROUND_TRIP = 0.02;
const LENGTH = 1;

const FIN = 1;
const SYN = 2;
const PSH = 8;
const ACK = 16;

interface Segment {
  readonly time: number;
  readonly bytes: Uint8Array;
}

function checksum(bytes: Uint8Array, sum = 0): number {
  let total = sum;
  for (let i = 0; i < bytes.length; i++) total += bytes[i]! << (i % 2 === 0 ? 8 : 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

function ipv4(source: string, target: string, protocol: number, id: number, payload: Uint8Array): Buffer {
  const packet = Buffer.concat([Buffer.alloc(20), payload]);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt16BE(id, 4);
  packet.writeUInt8(64, 8);
  packet.writeUInt8(protocol, 9);
  packet.writeUInt32BE(parseAddress(source)!, 12);
  packet.writeUInt32BE(parseAddress(target)!, 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  return packet;
}

/** One side of a TCP connection, as far as the other side's answers are known. */
function converse(call: Call, number: number, beginning: number, answers: readonly Answer[]): Segment[] {
  const { source, target, port, say = '' } = call;
  const local = 40_000 + number;
  const segments: Segment[] = [];
  let next = 1_000_000 * (number + 1);
  let expected = 0;
  const send = (time: number, flags: number, data = '') => {
    const options = flags & SYN ? [2, 4, 0x05, 0xb4] : [];
    const tcp = Buffer.concat([Buffer.alloc(20), Buffer.from(options), Buffer.from(data, 'latin1')]);
    tcp.writeUInt16BE(local, 0);
    tcp.writeUInt16BE(port, 2);
    tcp.writeUInt32BE(next, 4);
    tcp.writeUInt32BE(flags & ACK ? expected : 0, 8);
    tcp.writeUInt8((5 + options.length / 4) << 4, 12);
    tcp.writeUInt8(flags, 13);
    tcp.writeUInt16BE(64_240, 14);
    const ends = [source, target].map((address) => parseAddress(address)!);
    const pseudo = ends.reduce((sum, address) => sum + (address >>> 16) + (address & 0xffff), 6 + tcp.length);
    tcp.writeUInt16BE(checksum(tcp, pseudo), 16);
    const inner = ipv4(source, target, 6, segments.length + 1, tcp);
    const gre = Buffer.concat([Buffer.from([0, 0, 8, 0]), inner]);
    segments.push({ time, bytes: ipv4(ADDRESSES.router, ADDRESSES.gateway, 47, segments.length + 1, gre) });
    next += data.length + (flags & (SYN | FIN) ? 1 : 0);
  };

  /** Says goodbye, unless it has. */
  let close = (time: number) => {
    send(time, ACK | FIN);
    close = () => {};
  };

  send(beginning, SYN);
  const end = beginning + LENGTH;
  let time = beginning;
  for (const answer of answers) {
    if (answer.target !== parseAddress(source) || answer.targetPort !== local) continue;
    const { flags, sequence, data } = answer;
    const first = expected === 0;
    if (first ? !(flags & SYN) : sequence !== expected || (data === '' && !(flags & FIN))) continue;
    if (answer.time >= end) close(end);
    time = Math.max(time, answer.time) + ROUND_TRIP;
    expected = (sequence + data.length + (flags & (SYN | FIN) ? 1 : 0)) >>> 0;
    send(time, ACK);
    if (first && say !== '') send(time, ACK | PSH, say);
    if (flags & FIN) close(time);
  }
  if (expected !== 0) close(end);
  return segments;
}

/** What the clients of all calls send into the tunnel, as far as the answers are known. */
function capture(calls: readonly TimedCall[], answers: readonly Answer[]): Buffer {
  const segments = calls.flatMap(({ call, time }, number) => converse(call, number, time, answers));
  segments.sort((a, b) => a.time - b.time);
  const records = segments.map(({ time, bytes }) => {
    const micros = Math.round((time % 1) * 1e6);
    const header = Uint32Array.of(Math.floor(time), micros * 1000, bytes.length, bytes.length);
    return Buffer.concat([new Uint8Array(header.buffer), bytes]);
  });
  return Buffer.concat([captureHeader(true), ...records]);
}

/**
 * Writes a capture of calls to a file. Acknowledgments must fit what the clones answer, so it is played through
 * config/replay.click, completed by what the answers call for, and played again until nothing is missing.
 */
export async function record(file: string, calls: readonly TimedCall[]): Promise<void> {
  let answers: readonly Answer[] = [];
  for (let round = 0; ; round++) {
    const bytes = capture(calls, answers);
    if (round > 0 && bytes.equals(readFileSync(file))) return;
    if (round === ROUNDS) throw new Error(`${file} does not settle within ${ROUNDS} rounds`);
    writeFileSync(file, bytes);
    ({ answers } = await replay({ graph: 'config/replay.click', capture: file, version: '' }, () => {}));
  }
}
