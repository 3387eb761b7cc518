import t from 'tap';
import { LETTER_AT, type Letter, MAILBOX_BYTES, writeLetter } from '../../../../src/farm/qemu/mailbox.js';

const letter: Letter = {
  identity: { address: 0x0a630408, mac: Uint8Array.of(2, 80, 0, 0, 0, 7), hostname: 'srv-0042' },
  gateway: 0x0a630401,
  prefix: 24,
  entropy: new Uint8Array(64).fill(0xee),
  time: 1_700_000_000_250,
  files: [
    { path: '/etc/hostname', mode: 0o644, contents: Buffer.from('srv-0042\n') },
    { path: '/etc/key', mode: 0o600, contents: Uint8Array.of(1, 2, 3) },
  ],
  final: true,
};

t.test('a letter lies where guest/agent/mailbox.h says', async (t) => {
  const page = Buffer.concat([Buffer.alloc(LETTER_AT), writeLetter(letter)]);
  t.equal(page.length, MAILBOX_BYTES);
  t.equal(page.readUInt32LE(40), 0, 'status');
  t.equal(page.readUInt32LE(44), 1, 'flags');
  t.same([...page.subarray(48, 58)], [10, 99, 4, 8, 10, 99, 4, 1, 24, 0], 'address, gateway, prefix');
  t.same([...page.subarray(58, 64)], [2, 80, 0, 0, 0, 7], 'MAC');
  t.equal(page.readBigInt64LE(64), 1_700_000_000n);
  t.equal(page.readBigInt64LE(72), 250_000_000n);
  t.equal(page.toString('latin1', 80, 89), 'srv-0042\0');
  t.ok(page.subarray(144, 208).every((byte) => byte === 0xee));
  t.equal(page.readUInt32LE(208), 8 + 13 + 9 + 8 + 8 + 3);
  t.equal(page.readUInt16LE(212), 13);
  t.equal(page.readUInt16LE(214), 0o644);
  t.equal(page.readUInt32LE(216), 9);
  t.equal(page.toString('latin1', 220, 242), '/etc/hostnamesrv-0042\n');
  t.equal(page.toString('latin1', 250, 258), '/etc/key');
  t.same([...page.subarray(258, 261)], [1, 2, 3]);
});

t.test('what is too long is cut or refused', async (t) => {
  const long = writeLetter({ ...letter, identity: { ...letter.identity, hostname: 'x'.repeat(100) } });
  t.equal(long.toString('latin1', 80 - LETTER_AT, 144 - LETTER_AT), `${'x'.repeat(63)}\0`);
  t.equal(long[144 - LETTER_AT], 0xee);
  const files = [{ path: '/etc/big', mode: 0o600, contents: new Uint8Array(3884 - 8 - 8) }];
  t.doesNotThrow(() => writeLetter({ ...letter, files }), 'the last byte is used');
  const more = [{ path: '/etc/big', mode: 0o600, contents: new Uint8Array(3884 - 8 - 7) }];
  t.throws(() => writeLetter({ ...letter, files: more }), {
    message: 'the files of an identity take more than 3884 bytes',
  });
});
