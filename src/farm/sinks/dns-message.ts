/** DNS messages (RFC 1035 4): questions are read, and answers to them written. */

export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, OPT: 41, ANY: 255 } as const;

export const RCODE = { noerror: 0, formerr: 1, servfail: 2, nxdomain: 3, notimp: 4 } as const;

export type RcodeName = keyof typeof RCODE;

const HEADER = 12;
const IN = 1;
const ANY_CLASS = 255;
/** Bits of the flags. */
const QR = 0x8000;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
const AA = 0x0400;
const OPCODE = 0x7800;
/** What RFC 1035 2.3.4 allows: bytes of a name and of a label. */
const NAME = 255;
const LABEL = 63;
/** The answer's size that we announce and keep to over UDP (RFC 6891): it is never cut into fragments. */
const UDP_SIZE = 1232;
const PLAIN_SIZE = 512;

export interface Question {
  readonly id: number;
  readonly flags: number;
  /** In lower case, without the last dot; what is no letter, digit, hyphen or underscore is written \DDD. '' is the root. */
  readonly name: string;
  readonly type: number;
  /** The question's own bytes: an answer repeats them as they are. */
  readonly bytes: Uint8Array;
  /** Bytes of an answer that the asker takes over UDP. */
  readonly size: number;
  /** Whether it knows EDNS. */
  readonly edns: boolean;
}

/** What is wrong with a message that is no question to answer: `formerr` and `notimp` are told to the asker. */
export type Unreadable = { readonly id: number; readonly flags: number; readonly fault: 'formerr' | 'notimp' };

/** A record of an answer: its data as they are sent. */
export interface Answer {
  /** Whose record it is, if not of the name that was asked for. */
  readonly owner?: Uint8Array;
  readonly type: number;
  readonly ttl: number;
  readonly data: Uint8Array;
}

/** Reads a question. Undefined if it is none, and whoever sent it must get nothing: too short, or itself an answer. */
export function readQuestion(message: Uint8Array): Question | Unreadable | undefined {
  if (message.length < HEADER) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const id = view.getUint16(0);
  const flags = view.getUint16(2);
  if (flags & QR) return undefined;
  if (flags & OPCODE) return { id, flags, fault: 'notimp' };
  const bad: Unreadable = { id, flags, fault: 'formerr' };
  if (view.getUint16(4) !== 1 || view.getUint16(6) !== 0 || view.getUint16(8) !== 0) return bad;
  const name = readName(message, HEADER);
  if (!name || name.end + 4 > message.length) return bad;
  const type = view.getUint16(name.end);
  const kind = view.getUint16(name.end + 2);
  if (kind !== IN && kind !== ANY_CLASS) return { id, flags, fault: 'notimp' };
  const edns = readEdns(view, name.end + 4, view.getUint16(10));
  if (edns === undefined) return bad;
  const bytes = message.slice(HEADER, name.end + 4);
  return {
    id,
    flags,
    name: name.text,
    type,
    bytes,
    edns: edns > 0,
    size: Math.min(UDP_SIZE, Math.max(PLAIN_SIZE, edns)),
  };
}

/** A name without compression, which no question needs. */
function readName(message: Uint8Array, start: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  for (let at = start; at < message.length && at - start < NAME; ) {
    const length = message[at]!;
    if (length === 0) return { text: labels.join('.'), end: at + 1 };
    if (length > LABEL || at + 1 + length > message.length) return undefined;
    let label = '';
    for (const byte of message.subarray(at + 1, at + 1 + length)) label += character(byte);
    labels.push(label);
    at += 1 + length;
  }
  return undefined;
}

function character(byte: number): string {
  const text = String.fromCharCode(byte).toLowerCase();
  return /^[a-z0-9_-]$/.test(text) && byte < 128 ? text : `\\${String(byte).padStart(3, '0')}`;
}

/** The size that an OPT record announces, 0 if there is none, undefined if what follows the question makes no sense. */
function readEdns(view: DataView, start: number, records: number): number | undefined {
  if (records === 0) return 0;
  const known =
    records === 1 &&
    start + 11 <= view.byteLength &&
    view.getUint8(start) === 0 &&
    view.getUint16(start + 1) === TYPE.OPT &&
    start + 11 + view.getUint16(start + 9) <= view.byteLength;
  // A size that makes no sense counts as the least one (RFC 6891 6.2.3).
  return known ? Math.max(PLAIN_SIZE, view.getUint16(start + 3)) : undefined;
}

/** Tells the asker that its message could not be read. */
export function writeFault({ id, flags, fault }: Unreadable): Uint8Array {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(QR | (flags & (OPCODE | RD)) | RA | RCODE[fault], 2);
  return bytes;
}

/**
 * Writes an answer of at most `most` bytes. Records for which there is no room are left out, and it says so (TC).
 * @param authoritative whether it comes from a zone of our own
 */
export function writeAnswer(
  question: Question,
  rcode: RcodeName,
  answers: readonly Answer[],
  most: number,
  authoritative: boolean,
): Uint8Array {
  const opt = question.edns ? OPT : Buffer.alloc(0);
  const head = Buffer.alloc(HEADER);
  const parts: Uint8Array[] = [head, question.bytes];
  let length = HEADER + question.bytes.length + opt.length;
  let count = 0;
  for (const { owner = QUESTION, type, ttl, data } of answers) {
    const facts = Buffer.alloc(10);
    facts.writeUInt16BE(type, 0);
    facts.writeUInt16BE(IN, 2);
    facts.writeUInt32BE(ttl, 4);
    facts.writeUInt16BE(data.length, 8);
    const record = Buffer.concat([owner, facts, data]);
    if (length + record.length > most) break;
    length += record.length;
    parts.push(record);
    count++;
  }
  parts.push(opt);
  const cut = count < answers.length ? TC : 0;
  head.writeUInt16BE(question.id, 0);
  head.writeUInt16BE(QR | RA | (question.flags & RD) | (authoritative ? AA : 0) | cut | RCODE[rcode], 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(count, 6);
  head.writeUInt16BE(question.edns ? 1 : 0, 10);
  return Buffer.concat(parts);
}

/** A pointer to the name of the question, which stands behind the header. */
const QUESTION = Uint8Array.of(0xc0, HEADER);

const OPT = Buffer.from([0, 0, TYPE.OPT, UDP_SIZE >> 8, UDP_SIZE & 255, 0, 0, 0, 0, 0, 0]);

/** A name as it is sent; undefined if it is none: too long, or with an empty label. */
export function encodeName(text: string): Uint8Array | undefined {
  const labels = text.replace(/\.$/, '').split('.');
  if (labels.length === 1 && labels[0] === '') return Uint8Array.of(0);
  const parts = labels.map((label) => {
    const bytes = Buffer.from(
      label.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number(code) & 255)),
      'latin1',
    );
    return bytes.length === 0 || bytes.length > LABEL ? undefined : Buffer.concat([Uint8Array.of(bytes.length), bytes]);
  });
  if (parts.some((part) => part === undefined)) return undefined;
  const name = Buffer.concat([...(parts as Buffer[]), Uint8Array.of(0)]);
  return name.length > NAME ? undefined : name;
}

export function encodeAddress(address: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(address);
  return bytes;
}
