/**
 * Universes, by what arrived: every frame that a clone was handed, every frame that it sent, and every packet that left
 * the gateway.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { record } from '../../scripts/record/conversation.js';
import { checkSource } from '../../src/control/graph-file.js';
import { decapsulate } from '../../src/control/lab/gre.js';
import { readCapture, SEED } from '../../src/control/story/replay.js';
import { elements } from '../../src/elements/index.js';
import type { CloneLine } from '../../src/farm/listing.js';
import { fingerprint } from '../../src/farm/monitor/fingerprint.js';
import { SimulatedBackend } from '../../src/farm/simulated/backend.js';
import { EXPLOIT } from '../../src/farm/simulated/chain.js';
import { formatAddress } from '../../src/packet/address.js';
import type { Packets } from '../../src/packet/packets.js';
import { Engine } from '../../src/pipeline/engine.js';
import type { EngineEvent } from '../../src/pipeline/events.js';

t.setTimeout(120_000);

const GRAPH = 'config/replay.click';
const CHAIN = 7007;

interface Seen {
  readonly src: string;
  readonly dst: string;
  readonly data: string;
}

type Clone = Extract<EngineEvent, { kind: 'clone' }>;

/** The addresses of an IPv4 packet, and the data of its TCP segment. */
function look({ view, bytes }: Packets, at: number): Seen {
  const tcp = at + (view.getUint8(at) & 15) * 4;
  const data = tcp + (view.getUint8(tcp + 12) >> 4) * 4;
  return {
    src: formatAddress(view.getUint32(at + 12)),
    dst: formatAddress(view.getUint32(at + 16)),
    data: Buffer.from(bytes.subarray(data, at + view.getUint16(at + 2))).toString('latin1'),
  };
}

const ETHERNET = 14;
const isIpv4 = ({ view, start }: Packets, row: number) => view.getUint16(start[row]! + 12) === 0x0800;

/** Plays a capture, and watches the wires of all clones. */
async function watch(capture: string, out: string, defines: Record<string, string> = {}) {
  const taken = new Map<number, Seen[]>();
  const sent = new Map<number, Seen[]>();
  const note = (wires: Map<number, Seen[]>, clone: number, packets: Packets, row: number) => {
    if (!isIpv4(packets, row)) return;
    const wire = wires.get(clone) ?? [];
    wires.set(clone, wire);
    wire.push(look(packets, packets.start[row]! + ETHERNET));
  };
  const { deliver, collect } = SimulatedBackend.prototype;
  SimulatedBackend.prototype.deliver = function (packets, rows, count) {
    for (const row of rows.subarray(0, count)) note(taken, packets.clone[row]!, packets, row);
    return deliver.call(this, packets, rows, count);
  };
  SimulatedBackend.prototype.collect = function (packets, max) {
    const rows = collect.call(this, packets, max);
    for (let row = packets.used - rows; row < packets.used; row++) note(sent, packets.clone[row]!, packets, row);
    return rows;
  };
  const events: EngineEvent[] = [];
  let listed: CloneLine[] = [];
  try {
    const source = { file: GRAPH, text: readFileSync(GRAPH, 'utf8') };
    const { graph } = checkSource(source, { ...defines, IN: capture, OUT: out });
    const engine = new Engine(graph!, elements, { seed: SEED, checked: true, onEvent: (event) => events.push(event) });
    await engine.start();
    await engine.run();
    const lines = String(engine.handlers.read('farm.clones')).trimEnd().split('\n');
    listed = lines.filter(Boolean).map((line) => JSON.parse(line) as CloneLine);
    await engine.stop();
  } finally {
    Object.assign(SimulatedBackend.prototype, { deliver, collect });
  }
  const left: Seen[] = [];
  readCapture(out, (packets, row) => {
    if (decapsulate(packets, row)) left.push(look(packets, packets.start[row]!));
  });
  const clones = events.filter((event): event is Clone => event.kind === 'clone');
  return { taken, sent, left, events, clones, listed };
}

const go = (source: string, time: number) => ({
  call: { source, target: '10.99.66.1', port: CHAIN, say: 'go 3\n' },
  time: Date.UTC(2026, 0, 1) / 1000 + time,
});

t.test('two worms that begin at one address never meet', async (t) => {
  const folder = t.testdir({});
  const capture = join(folder, 'in.pcap');
  const sources = ['198.51.100.1', '198.51.100.2'];
  // A few milliseconds apart, so that both chains are at work at once.
  await record(capture, [go(sources[0]!, 0), go(sources[1]!, 0.005)]);
  const { taken, sent, left, clones, events } = await watch(capture, join(folder, 'out.pcap'));

  const universes = [...new Set(clones.map(({ universe }) => universe))];
  t.equal(universes.length, 2);
  t.equal(clones.length, 8);
  const chain = ['10.99.66.1', '10.99.66.2', '10.99.66.3', '10.99.66.4'];
  for (const [i, universe] of universes.entries()) {
    const mine = clones.filter((clone) => clone.universe === universe);
    t.same(
      mine.map(({ address }) => formatAddress(address)),
      chain,
      'A, B, C and D are in one universe',
    );
    t.same(
      mine.map(({ cause }) => cause.clone),
      [0, ...mine.slice(0, 3).map(({ clone }) => clone)],
      'each called the next',
    );

    const [a, b, c, d] = mine.map(({ clone }) => taken.get(clone) ?? []);
    const senders = (seen: readonly Seen[]) => [...new Set(seen.map(({ src }) => src))].sort();
    t.same(senders(a!), [chain[1], sources[i]].sort(), 'A hears its source and B');
    t.same(senders(b!), [chain[0], chain[2]]);
    t.same(senders(c!), [chain[1], chain[3]]);
    t.same(senders(d!), [chain[2]]);
    const told = (seen: readonly Seen[]) =>
      seen.map(({ data }) => data.replace(EXPLOIT, '')).filter((data) => data.startsWith('go'));
    t.same([a!, b!, c!].map(told), [['go 3\n'], ['go 2\n'], ['go 1\n']]);

    // What one universe takes was sent in it, or came from its source: nothing is heard from the other one.
    for (const { clone, address } of mine) {
      for (const { dst } of taken.get(clone)!) t.equal(dst, formatAddress(address));
    }
    const frames = (wires: Map<number, Seen[]>, from: (seen: Seen) => boolean) =>
      mine.flatMap(({ clone }) => wires.get(clone) ?? []).filter(from).length;
    const inner = ({ src, dst }: Seen) => chain.includes(src) && chain.includes(dst);
    t.equal(frames(taken, inner), frames(sent, inner), 'as many frames between clones are taken as are sent');
    t.ok(frames(taken, inner) > 0);
  }

  t.ok(left.length > 0);
  for (const { src, dst } of left) {
    t.equal(src, chain[0], 'only A answers the outside');
    t.ok(sources.includes(dst), `${dst} had asked`);
  }
  const verdicts = events.filter(({ kind }) => kind === 'verdict');
  t.equal(verdicts.length, 6);
  for (const verdict of verdicts) t.match(verdict, { verdict: 'reflect' });
});

t.test('what two sources say to one address, each of its clones hears from one of them', async (t) => {
  const folder = t.testdir({});
  const capture = join(folder, 'in.pcap');
  const calls = ['198.51.100.1', '198.51.100.2'].map((source, i) => ({
    call: { source, target: '10.99.66.1', port: 7, say: `this is ${source}` },
    time: Date.UTC(2026, 0, 1) / 1000 + i * 0.001,
  }));
  await record(capture, calls);
  const { taken, left, clones } = await watch(capture, join(folder, 'out.pcap'));
  t.equal(clones.length, 2);
  t.not(clones[0]!.universe, clones[1]!.universe);
  const heard = clones.map(({ clone }) =>
    taken
      .get(clone)!
      .map(({ data }) => data)
      .join(''),
  );
  t.same(heard, ['this is 198.51.100.1', 'this is 198.51.100.2']);
  for (const { call } of calls) {
    const answers = left.filter(({ dst }) => dst === call.source);
    t.equal(answers.map(({ data }) => data).join(''), call.say, 'the echo comes back to who spoke');
  }
});

t.test('the monitor calls a worm malicious where it has been, and nobody else', async (t) => {
  const folder = t.testdir({});
  const capture = join(folder, 'in.pcap');
  const begin = Date.UTC(2026, 0, 1) / 1000;
  const call = (source: number, target: number, port: number, say: string, time = 0) => ({
    call: { source: `198.51.100.${source}`, target: `10.99.66.${target}`, port, say },
    time: begin + time,
  });
  await record(capture, [
    call(1, 1, CHAIN, `${EXPLOIT}go 3\n`),
    ...Array.from({ length: 12 }, (_, i) => call(2, i + 1, 80, '', i / 100)),
    call(3, 1, 80, 'GET / HTTP/1.1\r\nHost: 10.99.66.1\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n'),
    call(4, 2, 7, 'what an echo says is what it was told'),
    call(5, 3, CHAIN, 'go 1\n'),
    // So that there is a second after all of it.
    call(6, 9, 22, '', 3),
  ]);
  const { clones, events, listed } = await watch(capture, join(folder, 'out.pcap'));
  const worm = clones.filter(({ cause, address }) => cause.clone > 0 || formatAddress(address) === '10.99.66.1');
  t.ok(worm.length > 4);
  const found = events.filter((event) => event.kind === 'malicious');
  const chain = (last: number) => (event: (typeof found)[number]) =>
    formatAddress(event.address) === `10.99.66.${last}`;
  t.same(found.map(({ address }) => formatAddress(address)).sort(), ['10.99.66.1', '10.99.66.2', '10.99.66.3']);
  t.equal(new Set(found.map(({ universe }) => universe)).size, 1, 'all of one universe');
  const sent = `sent what it had been sent: ${fingerprint(Buffer.from(EXPLOIT).subarray(0, 64))}`;
  const common = ['opened 1 connection of its own', 'is part of a universe of depth 4', 'is part of a long chain'];
  const port = 'sent that to the port it had come to';
  t.same(found.find(chain(1))!.reasons, [...common, sent, port]);
  for (const last of [2, 3])
    t.same(found.find(chain(last))!.reasons, [
      ...common,
      sent,
      port,
      `is the last of ${last} clones in a row to send it on`,
    ]);

  const byRating = (rating: string) => listed.filter((line) => line.rating === rating);
  t.equal(byRating('malicious').length, 3);
  t.same(
    byRating('interesting').map(({ address, reasons }) => [address, reasons]),
    [
      ['10.99.66.3', ['opened 1 connection of its own', 'is part of a universe of depth 2']],
      ['10.99.66.4', ['is part of a universe of depth 2']],
      ['10.99.66.4', ['is part of a universe of depth 4', 'is part of a long chain']],
    ],
    'the end of the chain, and who only called somebody',
  );
  t.equal(byRating('benign').length, 4, 'a scan, a page, an echo, a connection');
  for (const { score } of byRating('benign')) t.equal(score, 0);
});

t.test('with one universe a source, its calls meet', async (t) => {
  const folder = t.testdir({});
  const capture = join(folder, 'in.pcap');
  const target = (last: number) => ({ source: '198.51.100.1', target: `10.99.66.${last}`, port: 7, say: 'x' });
  const begin = Date.UTC(2026, 0, 1) / 1000;
  await record(capture, [
    { call: target(1), time: begin },
    { call: { ...target(2), port: 80 }, time: begin + 1 },
  ]);
  const byPair = await watch(capture, join(folder, 'out.pcap'));
  t.equal(new Set(byPair.clones.map(({ universe }) => universe)).size, 2);
  const bySource = await watch(capture, join(folder, 'out.pcap'), { KEY: 'source' });
  t.equal(new Set(bySource.clones.map(({ universe }) => universe)).size, 1);
});

t.test('in an open universe, and in the shared one, two sources meet', async (t) => {
  const folder = t.testdir({});
  const capture = join(folder, 'in.pcap');
  const sources = ['198.51.100.1', '198.51.100.2'];
  await record(capture, [go(sources[0]!, 0), go(sources[1]!, 1)]);
  for (const [kind, defines] of Object.entries({ open: { OPEN: '10.99.66.1' }, shared: { SHARED: '1' } })) {
    const { clones, events, taken } = await watch(capture, join(folder, 'out.pcap'), defines);
    const told = events.filter((event) => event.kind === 'universe' || event.kind === 'joined');
    t.match(told, [{ universeKind: kind }, { kind: 'joined' }]);
    t.same(
      told.map(({ source, target }) => [source, target].map(formatAddress)),
      sources.map((source) => [source, '10.99.66.1']),
      kind,
    );
    t.equal(new Set(clones.map(({ address }) => address)).size, clones.length, 'an address is one machine');
    const senders = new Set(taken.get(clones[0]!.clone)!.map(({ src }) => src));
    t.ok(
      sources.every((source) => senders.has(source)),
      'both are heard by the same',
    );
  }
});
