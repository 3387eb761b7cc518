import fc from 'fast-check';
import t from 'tap';
import { bench, GATEWAY, HERE, ip, MAC, Peer, ping, sum, tcp, udp } from '../../../unit/farm/simulated/bench.js';

const ports = fc.constantFrom(7, 9, 21, 80, 7007, 6001, 1);
const near = (base: number) => fc.integer({ min: -3000, max: 3000 }).map((offset) => (base + offset) >>> 0);
const data = fc.oneof(
  fc.constantFrom('go 3\n', 'go 1\n'.repeat(80), 'GET / HTTP/1.0\r\n\r\n', ''),
  fc.string({ maxLength: 40 }),
  fc.nat(1460).map((length) => 'x'.repeat(length)),
);

/** Segments whose checksums are right and whose fields may be anything, often close to what the machine expects. */
const step = fc.record({
  dport: ports,
  sport: fc.integer({ min: 1, max: 90 }),
  flags: fc.oneof(fc.constantFrom(2, 16, 24, 17, 4, 20, 18), fc.nat(255)),
  seqOffset: fc.oneof(fc.constantFrom(0, 0, 0, -1, 1), fc.integer({ min: -70000, max: 70000 })),
  ackOffset: fc.oneof(fc.constantFrom(0, 0, 0, -1, 1), fc.integer({ min: -70000, max: 70000 })),
  window: fc.oneof(fc.constantFrom(0, 1, 65535), fc.nat(65535)),
  options: fc
    .uint8Array({ maxLength: 10 })
    .map((bytes) => Buffer.concat([bytes, Buffer.alloc((40 - bytes.length) % 4)])),
  data,
  wait: fc.constantFrom(0, 0, 0, 0.1, 1.5, 40),
});

t.test('any conversation: what it sends is well-formed, and not without end', async (t) => {
  const b = await bench(t);
  let id = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      b.make(++id);
      const peers = new Map<string, Peer>();
      for (const { dport, sport, flags, seqOffset, ackOffset, window, options, data, wait } of steps) {
        const key = `${sport} ${dport}`;
        const peer = peers.get(key) ?? new Peer(b, id, dport, sport);
        peers.set(key, peer);
        const frame = tcp({
          ...peer.fields,
          seq: peer.seq + seqOffset,
          ack: peer.ack + ackOffset,
          flags,
          window,
          options,
          data: flags & 2 ? '' : data,
        });
        // The bench checks lengths and checksums of all that comes out.
        const answers = b.ask(id, frame);
        for (const { flags, seq, ack, data } of answers) {
          if (flags & 4) continue;
          peer.ack = (seq + data.length + (flags & 3 ? 1 : 0)) >>> 0;
          if (flags & 16) peer.seq = ack;
        }
        if (answers.length > 75) return false;
        b.wait(wait);
        b.take();
      }
      b.backend.destroy(id);
      return true;
    }),
    { numRuns: 150 },
  );
  t.end();
});

t.test('any bytes: nothing is thrown, and whatever comes out is well-formed', async (t) => {
  const b = await bench(t);
  b.make(1);
  const valid = fc.oneof(
    fc.record({ dport: ports, seq: near(1000), ack: near(0), flags: fc.nat(255), data }).map((fields) => tcp(fields)),
    fc.string({ maxLength: 30 }).map((text) => ping(text)),
    fc.tuple(fc.nat(65535), ports).map(([sport, dport]) => udp(sport, dport, 'x')),
    fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 60 })).map(([proto, body]) => ip(proto, Buffer.from(body), {})),
  );
  const mutated = fc
    .tuple(valid, fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }), fc.nat(1600))
    .map(([frame, changes, length]) => {
      for (const [at, value] of changes) frame[at % frame.length] = value;
      if (frame.length >= 34 && changes.length % 2 === 0) {
        frame.writeUInt16BE(0, 24);
        frame.writeUInt16BE(sum(frame.subarray(14, 34)), 24);
      }
      return frame.subarray(0, Math.max(1, length));
    });
  const anything = fc.uint8Array({ minLength: 0, maxLength: 2048 }).map((bytes) => {
    return Buffer.concat([MAC, GATEWAY, Buffer.from([8, 0]), bytes]).subarray(0, 2048);
  });
  fc.assert(
    fc.property(fc.oneof(mutated, anything), (frame) => {
      for (const { clone, src, type } of b.ask(1, frame))
        if (clone !== 1 || (type === 0x800 && src !== HERE)) return false;
      return true;
    }),
    { numRuns: 5000 },
  );
  t.end();
});
