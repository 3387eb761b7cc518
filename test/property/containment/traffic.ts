/** What clones and the outside do, at random: all that is odd about IPv4, and above all what looks nearly right. */
import fc from 'fast-check';
import type { Wanted } from '../../unit/craft.js';

export const PEERS = [0xc6336401, 0xc6336402];
export const TARGETS = [0x0a630001, 0x0a630002];
/** Elsewhere, this host, nobody, everybody, a group, the tunnel's own ends, and what is reserved. */
export const ODD = [0x08080808, 0x7f000001, 0, 0xffffffff, 0xe0000001, 0xc0000202, 0xc0000201, 0xf0000001];

const few = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const SYN = 2;
const ACK = 16;

const port = few(80, 80, 80, 1234, 25);
const tcpFlags = few(SYN, SYN, SYN, SYN | ACK, ACK, ACK, 4, 20, 17, 3, 0x42, 0, 63);
const fragment = fc.oneof(
  { weight: 9, arbitrary: few(0) },
  { weight: 3, arbitrary: few(0x2000, 0x2000, 1, 0x2001, 3, 0x1fff) },
);
/** None, no operation, loose and strict source route, record route, timestamp, router alert, and what is none. */
const options = few(
  ...[[], [], [], [], [], []],
  [1, 1, 1, 1],
  [131, 7, 4, 8, 8, 8, 8, 0],
  [137, 7, 4, 8, 8, 8, 8, 0],
  [7, 7, 4, 0, 0, 0, 0, 0],
  [68, 8, 5, 0, 0, 0, 0, 0],
  [148, 4, 0, 0],
  [68, 99, 0, 0],
).map((list) => Buffer.from(list));

/** Packets that another one may carry. */
const inner = fc.record({
  src: few(...PEERS, ...TARGETS, ...ODD),
  dst: few(...PEERS, ...TARGETS, ...ODD),
  proto: few(6, 17, 1),
  sport: port,
  dport: port,
});
type Inner = typeof inner extends fc.Arbitrary<infer T> ? T : never;

const payload = few(
  Buffer.alloc(0),
  Buffer.alloc(0),
  Buffer.alloc(24),
  Buffer.from('GET / HTTP/1.1\r\n\r\n......'),
  Buffer.from('x'),
);

const shape = fc.record({
  proto: few(6, 6, 6, 6, 17, 17, 17, 17, 1, 1, 1, 47, 4, 50),
  sport: port,
  dport: port,
  tcpFlags,
  fragment,
  ttl: few(1, 9, 10, 64, 64, 255),
  icmp: few<readonly [number, number]>([8, 0], [8, 0], [0, 0], [3, 3], [11, 0], [5, 1], [13, 0], [4, 0]),
  tcpOptions: few(Buffer.alloc(0), Buffer.alloc(0), Buffer.from([2, 4, 0xff, 0xff])),
  options,
  payload,
});
export type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

/** Bytes that are changed after all is right; `mend` makes the header's checksum right again. */
const mutation = fc.oneof(
  { weight: 9, arbitrary: fc.constant(undefined) },
  fc.record({ at: fc.nat(80), value: fc.nat(255), mend: few(true, true, false) }),
);
export type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

const anyone = few(...PEERS, ...PEERS, ...PEERS, ...TARGETS, ...ODD);

const incoming = fc.record({
  src: few(...PEERS, ...PEERS, ...PEERS, ...PEERS, ...TARGETS, ...ODD),
  dst: few(...TARGETS, ...TARGETS, ...TARGETS, ...TARGETS, ...ODD),
  shape,
  /** Whether it is made such that it may begin something. */
  opens: few(true, true, true, false),
  inner,
});

const outgoing = fc.record({
  own: few(true, true, true, true, true, true, false),
  src: anyone,
  dst: anyone,
  shape,
  inner,
  mutation,
});

const twist = few(
  ...([
    'none',
    'none',
    'none',
    'none',
    'reset first',
    'synchronize',
    'forged',
    'other clone',
    'port',
    'address',
  ] as const),
  ...(['error', 'error of another', 'first', 'later', 'overlap', 'options', 'unacknowledged', 'payload'] as const),
);
export type Twist = typeof twist extends fc.Arbitrary<infer T> ? T : never;

export const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('outside' as const),
      tunnel: fc.nat(1),
      packets: fc.array(incoming, { minLength: 1, maxLength: 2 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('clone' as const),
      which: fc.nat(11),
      packets: fc.array(outgoing, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 18,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      /** How many packets ago. */
      which: fc.nat(12),
      times: few(1, 1, 2, 3),
      tcpFlags: few(SYN | ACK, ACK, ACK, ACK, 17, 4, SYN),
      twist,
      clone: fc.nat(11),
    }),
  },
  // Does again what it, or a clone of another universe, did before.
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('again' as const),
      which: fc.nat(15),
      clone: fc.nat(11),
      times: few(1, 2, 4, 6),
    }),
  },
  // The outside answers something that has left.
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('return' as const), which: fc.nat(8), tcpFlags }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: few(0.1, 1, 1, 2, 3, 31, 61, 301) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('trouble' as const), what: few(0, 1, 2, 2, 3), which: fc.nat(11) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload' as const), guard: fc.nat(3), policy: fc.nat(3) }) },
  // For a few steps.
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stop' as const), steps: few(1, 3, 6) }) },
);
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What is to be crafted of a shape: errors quote another packet, and tunnels carry it. */
export function wanted(
  shape: Shape,
  src: number,
  dst: number,
  inner: Inner,
  craft: (wanted: Wanted) => Buffer,
): Wanted {
  const quotes = shape.proto === 1 && [3, 4, 5, 11].includes(shape.icmp[0]);
  if (quotes) return { ...shape, src, dst, payload: craft({ ...inner, payload: new Uint8Array(8) }) };
  const header = { 4: Buffer.alloc(0), 47: Buffer.from([0, 0, 8, 0]) }[shape.proto];
  return { ...shape, src, dst, payload: header ? Buffer.concat([header, craft(inner)]) : shape.payload };
}
