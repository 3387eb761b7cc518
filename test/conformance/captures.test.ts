/**
 * What the native parsers make of every capture in test/data, against test/data/captures.txt: a line for each file with
 * the fault of each of its packets, from the link layer inwards. `ip` and `inner` verify transports as well.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { native } from '../../src/native/addon.js';
import { CHECK } from '../../src/native/ip.js';
import { Batch } from '../../src/packet/batch.js';
import { CaptureReader } from '../../src/packet/capture.js';
import { FAULT_NAMES } from '../../src/packet/faults.js';
import { Packets } from '../../src/packet/packets.js';
import { makeTunnel } from '../../src/packet/tunnel.js';

const folder = 'test/data';
const kinds = ['fragments', 'gre', 'linktypes', 'malformed'];
const files = kinds.flatMap((kind) => readdirSync(`${folder}/${kind}`).map((name) => `${kind}/${name}`));

function describe(file: Uint8Array): string {
  const reader = new CaptureReader();
  const tunnel = makeTunnel({ local: 0, remote: 0, order: false });
  const counts = new Map<string, number>();
  const packets = new Packets();
  /** Counts the faults of a layer, and returns the rows that have none. */
  const sound = (layer: string, { rows, count }: Batch): Batch => {
    const rest = new Batch();
    for (const row of rows.subarray(0, count)) {
      const fault = packets.fault[row]!;
      const key = `${layer}:${FAULT_NAMES[fault]}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      if (fault === 0) rest.add(row);
    }
    return rest;
  };
  let at = 0;
  do {
    packets.reset();
    const read = new Batch();
    at += reader.read(file.subarray(at), packets, read, 256);
    const framed = sound('link', read);
    native.ipCheck(packets.bytes, framed.rows, framed.count, CHECK.transport);
    const whole = sound('ip', framed);
    const tunnelled = new Batch();
    for (const row of whole.rows.subarray(0, whole.count)) if (packets.proto[row] === 47) tunnelled.add(row);
    native.greDecapsulate(packets.bytes, tunnelled.rows, tunnelled.count, tunnel);
    const inner = sound('gre', tunnelled);
    native.ipCheck(packets.bytes, inner.rows, inner.count, CHECK.transport);
    sound('inner', inner);
  } while (reader.status === 'full');
  const end = reader.damage ?? (at === file.length ? 'end' : 'cut off');
  return [`${end} at ${reader.position}`, ...[...counts].map(([key, count]) => `${key} ${count}`)].join(', ');
}

t.test('each capture gives the faults that are expected', async (t) => {
  const expected = new Map(
    readFileSync(`${folder}/captures.txt`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split('\t') as [string, string]),
  );
  for (const name of files) t.equal(describe(readFileSync(`${folder}/${name}`)), expected.get(name), name);
  t.strictSame([...expected.keys()].sort(), [...files].sort(), 'no line without a file');
});

t.test('the manifest names every capture, and no other', async (t) => {
  const [header, ...lines] = readFileSync(`${folder}/MANIFEST.tsv`, 'utf8').trim().split('\n');
  const fields = header!.split('\t');
  const listed = lines.map((line) => line.split('\t'));
  for (const line of listed) {
    t.ok(existsSync(`${folder}/${line[0]}`), `${line[0]} exists`);
    t.ok(line[fields.indexOf('license')], `${line[0]} has a license`);
  }
  const names = listed.map(([name]) => name!);
  t.strictSame(
    files.filter((file) => !names.includes(file)),
    [],
    'none is missing',
  );
});
