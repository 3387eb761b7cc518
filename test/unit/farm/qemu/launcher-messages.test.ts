/** Daemon and launcher understand each other, and what is no message is found out: against the launcher's own code. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import {
  killMessage,
  type LaunchRequest,
  launchMessage,
  Replies,
  type Reply,
} from '../../../../src/farm/qemu/launcher-messages.js';

const top = fileURLToPath(new URL('../../../../../', import.meta.url));
const peer = join(t.testdir({}), 'peer');
const sanitize = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const sources = ['test/unit/farm/qemu/launcher_peer.cc', 'native/launcher/message.cc'];
// Without the sanitizers that this process may run under.
const env = { PATH: process.env.PATH };
execFileSync('g++', ['-std=c++20', '-O1', '-Inative', ...sanitize, ...sources, '-o', peer], { cwd: top, env });

interface Stream {
  readonly bytes: Uint8Array;
  /** Bytes of the pieces in which it comes. */
  readonly step?: number;
}

/** What the launcher makes of each stream, a line a request and one for its end. */
function understood(streams: readonly Stream[]): string[][] {
  const input = Buffer.concat(
    streams.flatMap(({ bytes, step = 65_536 }) => [Buffer.from(Uint32Array.of(bytes.length, step).buffer), bytes]),
  );
  const { status, stdout, stderr } = spawnSync(peer, ['read'], { env, input, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(stderr);
  const lines: string[][] = [[]];
  for (const line of stdout.split('\n').slice(0, -1)) {
    lines.at(-1)!.push(line);
    if (/^(end|error .*)$/.test(line)) lines.push([]);
  }
  return lines.slice(0, -1);
}

const hex = (value: string) => `${Buffer.byteLength(value)}:${Buffer.from(value).toString('hex')}`;

function described({ id, slot, files, processes, fileBytes, descriptors, settings, argv }: LaunchRequest): string {
  return [
    ...['launch', id, slot, files, processes, fileBytes, descriptors],
    ...settings.flatMap(({ group, file, value }) => ['set', group, hex(file), hex(value)]),
    ...['run', ...argv.map(hex)],
  ].join(' ');
}

const plain: LaunchRequest = {
  ...{ id: 1, slot: 2, files: 64, processes: 32, fileBytes: 2 ** 40, descriptors: 5 },
  settings: [{ group: 0, file: 'memory.max', value: '134217728' }],
  argv: ['/usr/bin/program', '-x', ''],
};

const sample = (numRuns: number) => ({ numRuns, seed: 3 });
const u32 = fc.nat({ max: 0xffff_ffff });
const text = fc.string({ maxLength: 100, unit: 'grapheme' }).filter((value) => !value.includes('\0'));
const requests: fc.Arbitrary<LaunchRequest> = fc.record({
  ...{ id: u32, slot: u32, files: u32, processes: u32 },
  fileBytes: fc.maxSafeNat(),
  descriptors: fc.nat({ max: 32 }),
  settings: fc.array(
    fc.record({ group: fc.nat({ max: 255 }), file: fc.stringMatching(/^[a-z][a-z._]{0,20}$/), value: text }),
    { maxLength: 10 },
  ),
  argv: fc.array(text, { maxLength: 20 }).map((rest) => ['/program', ...rest]),
});

t.test('requests arrive as they were meant, in whatever pieces', async (t) => {
  const cases = fc.sample(
    fc.tuple(fc.array(requests, { maxLength: 5 }), fc.integer({ min: 1, max: 500 })),
    sample(200),
  );
  const streams = cases.map(([list, step]) => ({
    bytes: Buffer.concat(list.flatMap((one) => [launchMessage(one), killMessage(one.id)])),
    step,
  }));
  const meant = cases.map(([list]) => [...list.flatMap((one) => [described(one), `kill ${one.id}`]), 'end']);
  t.same(understood(streams), meant);
});

t.test('the longest request', async (t) => {
  const without = launchMessage({ ...plain, argv: ['/p', ''] }).length - 4;
  const longest = { ...plain, argv: ['/p', 'x'.repeat(65_536 - without)] };
  t.same(understood([{ bytes: launchMessage(longest) }]), [[described(longest), 'end']]);
  const longer = { ...plain, argv: ['/p', 'x'.repeat(65_537 - without)] };
  t.throws(() => launchMessage(longer), { message: 'a request has at most 65536 bytes, not 65537' });
  t.throws(() => launchMessage({ ...plain, descriptors: 33 }), {
    message: 'a request has at most 32 descriptors, not 33',
  });
  t.throws(() => launchMessage({ ...plain, argv: Array<string>(1025).fill('/p') }), {
    message: 'a request has at most 1024 arguments, not 1025',
  });
  t.throws(() => launchMessage({ ...plain, slot: 2 ** 32 }), RangeError);
  t.throws(() => launchMessage({ ...plain, fileBytes: -1 }), RangeError);
});

t.test('what is no request is refused, with the reason', async (t) => {
  const framed = (body: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.length);
    return Buffer.concat([length, body]);
  };
  const body = launchMessage(plain).subarray(4);
  const cases: [stream: Uint8Array, reason: string][] = [
    [Buffer.from([1, 0, 1, 0]), 'a request of 65537 bytes; at most 65536 are allowed'],
    [Buffer.from([255, 255, 255, 255]), 'a request of 4294967295 bytes; at most 65536 are allowed'],
    [framed(new Uint8Array(0)), 'a request ends 1 bytes too early'],
    [framed(Buffer.from([2, 0, 0])), 'a request ends 2 bytes too early'],
    [framed(Buffer.from([3, 0, 0, 0, 0])), 'there is no request of kind 3'],
    [framed(Buffer.from([2, 0, 0, 0, 0, 0, 0])), '2 bytes too many in a request'],
    [framed(body.subarray(0, -1)), 'a request ends 1 bytes too early'],
    [framed(Buffer.concat([body, Buffer.alloc(1)])), '1 bytes too many in a request'],
    [launchMessage({ ...plain, argv: [] }), 'expected 1 to 1024 arguments, got 0'],
    [launchMessage({ ...plain, argv: ['program'] }), "a program's path does not begin with /"],
    [launchMessage({ ...plain, argv: ['/a\0b'] }), 'a string holds a NUL'],
    ...['../tasks', 'a/b', '', '.', '..', 'A', '/etc/passwd'].map((file): [Uint8Array, string] => [
      launchMessage({ ...plain, settings: [{ group: 0, file, value: '' }] }),
      `a setting's file is no name: ${file}`,
    ]),
  ];
  const tooMany = Buffer.from(launchMessage(plain));
  tooMany[4 + 5 + 20] = 33;
  cases.push([tooMany, 'more than 32 descriptors']);
  const streams = cases.map(([stream]) => ({ bytes: Buffer.concat([killMessage(5), stream]) }));
  t.same(
    understood(streams),
    cases.map(([, reason]) => ['kill 5', `error ${reason}`]),
  );
});

t.test('garbled requests are understood or refused, and nothing else', async (t) => {
  const garbled = fc.tuple(requests, fc.nat(), fc.nat({ max: 255 }), fc.nat()).map(([request, at, byte, end]) => {
    const bytes = Buffer.from(launchMessage(request));
    // Not the length's upper bytes: nearly all would be too long.
    bytes[[0, 1, 4, at][at % 4]! % bytes.length] = byte;
    return { bytes: bytes.subarray(0, end % 4 === 0 ? end % bytes.length : bytes.length), step: 7 };
  });
  const streams = fc.sample(garbled, sample(1000));
  const ends = understood(streams).map((lines) => lines.at(-1)!);
  t.equal(ends.length, streams.length);
  t.ok(ends.includes('end') && ends.some((end) => end.startsWith('error ')));
});

const written = () => execFileSync(peer, ['write'], { env });

const read = (stream: Buffer, step: number): Reply[] => {
  const replies = new Replies();
  const heard: Reply[] = [];
  for (let at = 0; at < stream.length; at += step) heard.push(...replies.read(stream.subarray(at, at + step)));
  return heard;
};

t.test('replies arrive as they were meant, in whatever pieces', async (t) => {
  const stream = written();
  for (const step of [1, 3, 1000, stream.length])
    t.same(read(stream, step), [
      { kind: 'ready' },
      { kind: 'started', id: 7, pid: 4_000_000_000 },
      { kind: 'failed', id: 8, reason: 'mounting /proc: Not a directory' },
      { kind: 'ended', id: 9, reason: 'ended with status 3' },
      // What would act on a terminal does not.
      { kind: 'ended', id: 10, reason: 'killed by SIGKILL: [31mlast words \ufffd\ufffd' },
      { kind: 'ended', id: 11, reason: `killed by signal 64: ${'x'.repeat(1024)}` },
      { kind: 'failed', id: 0xffff_ffff, reason: 'y'.repeat(1024) },
    ]);
});

t.test('what is no reply is an error', async (t) => {
  const refused = (bytes: readonly number[]) => t.throws(() => read(Buffer.from(bytes), 100), Error, bytes.join(' '));
  refused([4, 0, 0, 0]);
  refused([0, 0, 1, 0]);
  refused([5, 0, 0, 0, 9, 0, 0, 0, 0]);
  refused([5, 0, 0, 0, 2, 0, 0, 0, 0]);
  refused([7, 0, 0, 0, 4, 0, 0, 0, 0, 1, 1]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, step) => {
      try {
        read(Buffer.from(bytes), step);
      } catch (error) {
        return error instanceof Error;
      }
      return true;
    }),
  );
});
