/** Bytes of a message without extensions. */
const BYTES = 48;
const CLIENT = 3;
const SERVER = 4;
/** Seconds from 1900, where NTP begins, to 1970. */
const EPOCH = 2_208_988_800;

/**
 * The answer of an NTP server (RFC 5905 7.3) to a client that asks for the time; undefined to all else, above all to modes 6 and
 * 7, whose answers are longer than their questions. It tells the engine's time, as a server of stratum 2.
 */
export function answerNtp(question: Uint8Array, now: number): Uint8Array | undefined {
  if (question.length < BYTES) return undefined;
  const version = (question[0]! >> 3) & 7;
  if ((question[0]! & 7) !== CLIENT || version < 1 || version > 4) return undefined;
  const answer = Buffer.alloc(BYTES);
  answer[0] = (version << 3) | SERVER;
  answer[1] = 2;
  answer[2] = question[2]!;
  answer.writeInt8(-20, 3);
  // Root delay and dispersion: 16 and 24 ms in units of 2^-16 s.
  answer.writeUInt32BE(1049, 4);
  answer.writeUInt32BE(1573, 8);
  // The reference of a stratum 2 server is an address; this one is reserved for documentation.
  answer.writeUInt32BE(0xc0000201, 12);
  writeTime(answer, 16, Math.floor(now) - 17);
  // Whoever asks finds its own time in the answer, to tell it from forged ones.
  answer.set(question.subarray(40, 48), 24);
  writeTime(answer, 32, now);
  writeTime(answer, 40, now);
  return answer;
}

function writeTime(bytes: Buffer, at: number, seconds: number): void {
  const whole = Math.floor(seconds);
  bytes.writeUInt32BE((whole + EPOCH) % 2 ** 32, at);
  bytes.writeUInt32BE(Math.floor((seconds - whole) * 2 ** 32) >>> 0, at + 4);
}
