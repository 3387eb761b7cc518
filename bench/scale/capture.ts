import { closeSync, openSync, writeSync } from 'node:fs';
import { native } from '../../src/native/addon.js';
import { Batch } from '../../src/packet/batch.js';
import { captureHeader, RECORD_HEADER } from '../../src/packet/capture.js';
import { BATCH, MAX_PACKET } from '../../src/packet/columns.js';
import { Packets } from '../../src/packet/packets.js';
import { makeTunnel } from '../../src/packet/tunnel.js';

const SYN = Buffer.from('4500002800004000340600000000000000000000' + '9c4001bd00000001000000005002ffff00000000', 'hex');
const TUNNEL = { local: 0xc0000201, remote: 0xc0000202 };
/** Seconds of the first record, and of each after it: some fifty in a turn. */
const [BEGIN, STEP] = [1.1e9, 20e-6];

/** Writes a capture of SYNs in GRE, from and to what `ends` says. */
export function writeSyns(file: string, count: number, ends: (i: number) => { src: number; dst: number }): void {
  const [packets, batch] = [new Packets(), new Batch()];
  const tunnel = makeTunnel(TUNNEL);
  const records = new Uint8Array(BATCH * (RECORD_HEADER + MAX_PACKET));
  const fd = openSync(file, 'w');
  writeSync(fd, captureHeader(false));
  for (let from = 0; from < count; from += BATCH) {
    packets.reset();
    batch.clear();
    for (let i = from; i < Math.min(count, from + BATCH); i++) {
      const row = packets.take();
      const { src, dst } = ends(i);
      packets.bytes.set(SYN, packets.start[row]!);
      packets.length[row] = SYN.length;
      packets.view.setUint32(packets.start[row]! + 12, src);
      packets.view.setUint32(packets.start[row]! + 16, dst);
      const time = BEGIN + i * STEP;
      packets.sec[row] = Math.floor(time);
      packets.nsec[row] = Math.floor((time % 1) * 1e9);
      batch.add(row);
    }
    native.ipFinish(packets.bytes, batch.rows, batch.count);
    native.greEncapsulate(packets.bytes, batch.rows, batch.count, tunnel);
    const written = native.captureWrite(packets.bytes, batch.rows, batch.count, false, records);
    writeSync(fd, records, 0, written);
  }
  closeSync(fd);
}
