import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import { checkSource } from '../../../src/control/graph-file.js';
import { Sinks } from '../../../src/elements/Sinks.js';
import { Images } from '../../../src/farm/images.js';
import { Universes } from '../../../src/farm/universes.js';
import { FLOW } from '../../../src/packet/flow.js';
import { columnsOf, craft, type Wanted } from '../craft.js';
import { loopbackDns } from '../farm/sinks/loopback-dns.js';
import { type Columns, rig } from '../rig.js';

const CLONE = 0x0a630102;
const SERVER = 0xcb007109;

function bench(config = 'UNKNOWN 198.18.0.0/15', folder = '.') {
  const made = rig(Sinks, config, { folder });
  const { services } = made.engine;
  const images = services.shared(Images);
  const universe = services.shared(Universes).create(1, CLONE);
  return {
    ...made,
    images,
    universe,
    send(sink: string, wanted: Wanted = {}, columns: Columns = {}) {
      const bytes = craft({ src: CLONE, dst: SERVER, proto: 17, sport: 5353, dport: 53, ...wanted });
      const image = images.target(sink) + 1;
      made.put(bytes, { ...columnsOf(bytes), universe: universe.id, clone: 7, image, ...columns });
      return made.run();
    },
  };
}

/** A DNS question for a name. */
const question = (name: string, type = 1) =>
  Buffer.concat([
    Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0, 0, type, 0, 1]),
  ]);

t.test('a question is answered to the clone that asked, by whom it asked', async (t) => {
  const sinks = bench();
  const { answer, pass } = sinks.send('dns', { payload: question('www.example.com') });
  t.same(pass, []);
  t.equal(answer!.length, 1);
  const [{ bytes, ...columns }] = answer! as unknown as [{ bytes: Buffer }];
  t.match(columns, { universe: sinks.universe.id, src: SERVER, dst: CLONE, sport: 53, dport: 5353, proto: 17 });
  t.equal(bytes.readUInt16BE(28), 0x1234);
  t.equal(bytes.readUInt32BE(bytes.length - 4) >>> 17, 0xc612 >> 1, 'an address of the prefix');
  t.match(sinks.element.handlers().names.read(), /^1\twww\.example\.com\t198\.1[89]\./);
  t.match(sinks.events.at(-1), { kind: 'sink', clone: 7, what: /^A www.example.com: 198\.1[89]\./ });
});

t.test('what is not for a sink passes unchanged', async (t) => {
  const sinks = bench();
  const image = sinks.images.number('linux') + 1;
  t.match(sinks.send('dns', {}, { image }).pass, [{ image }]);
  t.match(sinks.send('dns', {}, { flowState: FLOW.reply }).pass, [{ image: 0 }], 'another clone answers');
});

t.test('what a sink cannot take is dropped, and why', async (t) => {
  const sinks = bench();
  const payload = question('www.example.com');
  const dropped = (
    reason: keyof typeof sinks.element.drops,
    sink: string,
    wanted: Wanted = {},
    columns: Columns = {},
  ) => {
    const before = sinks.element.drops[reason].value;
    t.same(sinks.send(sink, wanted, columns), { pass: [], answer: [] });
    t.equal(sinks.element.drops[reason].value, before + 1, reason);
  };
  dropped('protocol', 'dns', { proto: 1, dport: 0 });
  dropped('protocol', 'smtp', { payload });
  dropped('protocol', 'ntp', { proto: 6 });
  dropped('fragment', 'dns', { payload: Buffer.alloc(64), fragment: 0x2000 });
  dropped('universe', 'dns', { payload }, { universe: 99 });
  const broken = craft({ src: CLONE, dst: SERVER, sport: 5353, dport: 53, payload });
  const image = sinks.images.target('dns') + 1;
  const columns = { ...columnsOf(broken), universe: sinks.universe.id, clone: 7, image };
  for (const [at, value, reason] of [
    [26, 1, 'checksum'],
    [24, 0xff, 'malformed'],
    [25, 7, 'malformed'],
  ] as const) {
    const bytes = Buffer.from(broken);
    bytes[at] = value;
    const before = sinks.element.drops[reason].value;
    sinks.put(bytes, columns);
    t.same(sinks.run(), { pass: [], answer: [] });
    t.equal(sinks.element.drops[reason].value, before + 1, reason);
  }
});

t.test('a sink and an image cannot have the same name', async (t) => {
  const sinks = bench();
  sinks.images.number('http');
  await t.rejects(sinks.engine.start(), { message: /'http' is the name of a sink and of an image of the farm/ });
  const few = bench('PLAY dns');
  few.images.number('http');
  await few.engine.start();
  t.equal(few.images.target('http'), 0);
  await few.engine.stop();
  t.throws(() => rig(Sinks, 'PLAY dns ftp'), { message: /expected sinks such as 'dns smtp http ntp', not 'ftp'/ });
});

/** A clone's end of a TCP connection to a sink: it sends one segment at a time and acknowledges what comes in order. */
function connection(
  sinks: ReturnType<typeof bench>,
  sink: string,
  { sport = 40000, dst = SERVER, window = 65535 } = {},
) {
  const state = { seq: 1000, ack: 0, heard: Buffer.alloc(0), flags: 0, segments: 0 };
  const send = (tcpFlags: number, payload: Uint8Array = new Uint8Array(0)) => {
    const bytes = craft({
      src: CLONE,
      dst,
      proto: 6,
      sport,
      dport: 80,
      tcpFlags,
      sequence: state.seq,
      window,
      payload,
    });
    bytes.writeUInt32BE(state.ack, 28);
    // The acknowledgment is in the checksum too.
    const sum = (from: number, bytes: Buffer) =>
      bytes.reduce((all, byte, i) => all + (i % 2 === 0 ? byte << 8 : byte), from);
    bytes.writeUInt16BE(0, 36);
    let total = sum(6 + bytes.length - 20, Buffer.concat([bytes.subarray(12), Buffer.alloc(bytes.length % 2)]));
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
    bytes.writeUInt16BE(~total & 0xffff, 36);
    const image = sinks.images.target(sink) + 1;
    sinks.put(bytes, { ...columnsOf(bytes), universe: sinks.universe.id, clone: 7, image });
    state.seq += payload.length + (tcpFlags & 3 ? 1 : 0);
    take();
  };
  const take = () => {
    const { answer } = sinks.run();
    for (const { bytes } of answer!.filter(({ dport }) => dport === sport)) {
      const body = bytes.subarray(20 + (bytes[32]! >> 4) * 4);
      const [seq, flags] = [bytes.readUInt32BE(24), bytes[33]!];
      state.flags = flags;
      state.segments++;
      if (flags & 2) state.ack = seq + 1;
      else if (seq === state.ack) {
        state.heard = Buffer.concat([state.heard, body]);
        state.ack += body.length + (flags & 1);
      }
    }
    return state;
  };
  return {
    state,
    send,
    take,
    open() {
      send(2);
      send(16);
      return this;
    },
    /** Acknowledges until nothing more comes. */
    drain() {
      for (let before = -1; before !== state.ack; ) {
        before = state.ack;
        send(16);
      }
      return state.heard.toString('latin1');
    },
  };
}

t.test('real answers come later, over UDP and TCP', async (t) => {
  const { port, asked } = await loopbackDns(t, ['192.0.2.9']);
  const folder = t.testdir({ 'x.allow': '*.good.test\n' });
  const config = `RESOLVE x.allow, UPSTREAM 127.0.0.1, UPSTREAM_PORT ${port}`;
  const made = bench(config, folder);
  t.teardown(() => made.element.stop());
  await t.rejects(Promise.resolve(made.element.start()), { message: /a replay asks nobody/ });
  t.throws(() => bench('RESOLVE x.allow', folder), { message: /RESOLVE needs UPSTREAM/ });
  const patiently = async <T>(look: () => T | undefined | false): Promise<T> => {
    for (;;) {
      const found = look();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const message = question('www.good.test');
  t.same(made.send('dns', { payload: message }).answer, []);
  t.ok(made.element.waiting > 0, 'the run does not end before the answer');
  const answer = await patiently(() => made.run().answer![0]);
  t.equal(answer.bytes.readUInt32BE(answer.bytes.length - 4), 0xc0000209);
  t.match(made.send('dns', { payload: question('www.bad.test') }).answer, { length: 1 });
  const one = connection(made, 'dns').open();
  one.send(24, Buffer.concat([Buffer.from([0, message.length]), message]));
  t.equal(one.state.heard.length, 0);
  await patiently(() => one.take().heard.length > 0);
  t.equal(one.state.heard.readUInt32BE(one.state.heard.length - 4), 0xc0000209);
  t.same(asked, ['www.good.test', 'www.good.test']);
  const lost = connection(made, 'dns', { sport: 40001 }).open();
  lost.send(24, Buffer.concat([Buffer.from([0, message.length]), message]));
  lost.send(4);
  await patiently(() => made.element.waiting === 0);
  t.equal(lost.take().heard.length, 0, 'who has hung up gets nothing');
});

t.test('a page that is longer than the send buffer arrives whole', async (t) => {
  const page = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(''));
  const folder = t.testdir({ 'p.html': page });
  const made = bench('PAGE p.html', folder);
  const one = connection(made, 'http').open();
  one.send(24, Buffer.from('GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.0\r\n\r\n'));
  const heard = one.drain();
  t.equal(heard.length, 2 * page.length + heard.match(/HTTP\/1\.1 200 OK.*?\r\n\r\n/gs)!.join('').length);
  t.ok(heard.endsWith(page.toString('latin1')));
  t.equal(one.state.flags & 1, 1, 'and then it is closed');
});

t.test('who closes first still gets all of the answer', async (t) => {
  const page = 'x'.repeat(50_000);
  const made = bench('PAGE p.html', t.testdir({ 'p.html': page }));
  const one = connection(made, 'http').open();
  one.send(25, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  t.ok(one.drain().endsWith(page));
  t.equal(one.state.flags & 1, 1);
});

t.test('who sends and does not listen is not listened to for ever', async (t) => {
  const made = bench('PAGE p.html', t.testdir({ 'p.html': 'x'.repeat(20_000) }));
  const one = connection(made, 'http', { window: 0 }).open();
  for (let i = 0; i < 200; i++) one.send(24, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  t.equal(made.events.filter(({ kind }) => kind === 'sink').length, 1, 'the second request waits');
});

t.test('connections and addresses are bounded', async (t) => {
  const made = bench('CONNECTIONS 3, ENDPOINTS 2');
  for (let i = 0; i < 5; i++) connection(made, 'http', { sport: 40000 + i }).open();
  t.equal(made.element.drops.crowded.value, 2);
  const other = bench('ENDPOINTS 2');
  for (let i = 0; i < 5; i++) connection(other, 'http', { dst: SERVER + i }).open();
  const first = connection(other, 'http', { dst: SERVER, sport: 40000 });
  first.send(24, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  t.equal(first.state.flags & 4, 4, 'the oldest has been forgotten: what is sent to it is reset');
});

t.test('with a universe all that was said in it ends', async (t) => {
  const made = bench('CONNECTIONS 1');
  const universes = made.engine.services.shared(Universes);
  connection(made, 'http').open();
  universes.close(made.universe);
  const next = { ...made, universe: universes.create(1, CLONE) };
  const one = connection(next, 'http', { sport: 40001 }).open();
  one.send(24, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  t.match(one.drain(), /^HTTP\/1\.1 200 OK/);
});

t.test('any segments: never an exception, and answers are for the clone alone', async (t) => {
  const made = bench('CONNECTIONS 5, ENDPOINTS 3, MEMORY 200k, QUESTIONS 1000000');
  const few = (...values: number[]) => fc.constantFrom(...values);
  const step = fc.record({
    sink: fc.constantFrom('dns', 'smtp', 'http', 'ntp'),
    proto: few(6, 6, 6, 17),
    dst: few(SERVER, SERVER + 1, SERVER + 2, SERVER + 3),
    sport: few(40000, 40001, 40002),
    tcpFlags: few(2, 2, 16, 24, 17, 4, 18, 0, 63),
    sequence: few(1000, 1001, 1002, 0xffffffff),
    payload: fc.oneof(
      fc.constant(new Uint8Array(0)),
      fc.uint8Array({ maxLength: 60 }),
      fc.constant(Buffer.from('EHLO x\r\nGET / HTTP/1.1\r\n\r\n')),
    ),
    wait: few(0, 0, 0, 0.2, 3, 200),
  });
  let answered = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }), (steps) => {
      for (const { sink, wait, ...wanted } of steps) {
        const { answer } = made.send(sink, wanted);
        if (wait > 0) made.wait(wait);
        const all = [...answer!, ...made.run().answer!];
        answered += all.length;
        for (const each of all)
          if (each['dst'] !== CLONE || each['universe'] !== made.universe.id)
            throw new Error('it is for somebody else');
      }
    }),
    { numRuns: 80 },
  );
  t.ok(answered > 200, 'enough happened to mean something');
  await made.engine.stop();
});

t.test('a graph in which an answer could leave is refused', async (t) => {
  const folder = fileURLToPath(new URL('../../../../config', import.meta.url));
  const shipped = readFileSync(join(folder, 'farm.click'), 'utf8');
  const check = (text: string) => checkSource({ file: join(folder, 'x.click'), text }, {}).diagnostics;
  t.same(check(shipped), []);
  for (const output of ['answer', 'pass']) {
    const wrong = shipped.replace(new RegExp(`sinks\\[${output}\\].*;`), `sinks[${output}] -> tunnel;`);
    const leak = check(wrong).find(({ message }) => /sinks -> tunnel/.test(message));
    t.match(leak, { severity: 'error', message: /could leave|licen|reach/ }, output);
  }
});
