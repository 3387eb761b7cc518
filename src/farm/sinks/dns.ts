import type { Prefix } from '../../packet/address.js';
import { formatAddress, prefixMask } from '../../packet/address.js';
import { keyedHash } from '../../packet/half-siphash.js';
import type { LearntNames } from '../names.js';
import {
  type Answer,
  encodeAddress,
  encodeName,
  type Question,
  type RcodeName,
  readQuestion,
  TYPE,
  writeAnswer,
  writeFault,
} from './dns-message.js';
import type { Peer, Reporter, Speaker, Talk } from './peer.js';
import type { RealResolver } from './real-resolver.js';
import { TTL, type Zone } from './zone.js';

export interface DnsOptions {
  readonly zone: Zone | undefined;
  /** What becomes of names that the zone does not know: an address of this prefix, or, if there is none, NXDOMAIN. */
  readonly unknown: Prefix | undefined;
  readonly real: RealResolver | undefined;
  /** 64 bits by which addresses of unknown names are chosen. */
  readonly key: readonly [low: number, high: number];
  /** Questions of a clone in a second. */
  readonly rate: number;
  readonly learnt: LearntNames;
  readonly reporter: Reporter;
  onAnswer(rcode: RcodeName): void;
  /** A clone has asked more often than it may. */
  onExcess(): void;
}

/** An answer over UDP is at most so many times as long as its question: nobody is flooded by way of us. */
const AMPLIFICATION = 8;
/** Bytes of an answer over TCP, and of a question. */
const TCP_ANSWER = 4096;
const TCP_QUESTION = 4096;
const ALIASES = 8;
/** What an unknown name has beside an address: a mail exchanger, so that who wants to send it mail goes on. */
const EXCHANGER = 'mx';

interface Found {
  readonly rcode: RcodeName;
  readonly answers: readonly Answer[];
  readonly ours: boolean;
}

type Reply = (message: Uint8Array) => void;

/** A DNS resolver that asks nobody: it answers from a zone, and makes up the rest. */
export class DnsSink {
  private readonly options: DnsOptions;
  /** Questions of each clone in this second. */
  private readonly asked = new Map<number, number>();
  private second = 0;

  constructor(options: DnsOptions) {
    this.options = options;
  }

  /** Answers a message that came over UDP, now or later, or not at all. */
  datagram(peer: Peer, message: Uint8Array, reply: Reply): void {
    this.ask(peer, message, ({ size }) => Math.min(size, AMPLIFICATION * message.length), reply);
  }

  /** Answers one that came over TCP. */
  streamed(peer: Peer, message: Uint8Array, reply: Reply): void {
    this.ask(peer, message, () => TCP_ANSWER, reply);
  }

  private ask(peer: Peer, message: Uint8Array, most: (question: Question) => number, reply: Reply): void {
    const { reporter, onAnswer, onExcess } = this.options;
    const question = readQuestion(message);
    if (!question) return;
    if (!this.admits(peer.clone)) {
      onExcess();
      return;
    }
    if ('fault' in question) {
      onAnswer(question.fault);
      reply(writeFault(question));
      return;
    }
    const give = ({ rcode, answers, ours }: Found) => {
      onAnswer(rcode);
      this.learn(peer, question.name, answers);
      reporter.tell(peer, describe(question, rcode, answers));
      reply(writeAnswer(question, rcode, answers, most(question), ours));
    };
    const found = this.find(question.name, question.type);
    if (found) give(found);
    else this.real(peer, question, give);
  }

  /** What the zone says, or nobody; undefined if it is to be asked outside. */
  private find(name: string, type: number): Found | undefined {
    const { zone, real, unknown } = this.options;
    const answers: Answer[] = [];
    for (let [at, alias] = [name, 0]; ; alias++) {
      const records = zone?.find(at);
      if (!records) {
        if (alias === 0 && real?.allows(at)) return undefined;
        const invented = this.invent(at, type);
        if (!invented) return { rcode: unknown && at !== '' ? 'noerror' : 'nxdomain', answers, ours: true };
        answers.push(owned(at, alias, invented));
        return { rcode: 'noerror', answers, ours: true };
      }
      const wanted = records.filter((record) => record.type === type || type === TYPE.ANY);
      answers.push(...wanted.map((record) => owned(at, alias, record)));
      const next = records.find((record) => record.type === TYPE.CNAME);
      if (!next || wanted.length > 0 || alias === ALIASES) return { rcode: 'noerror', answers, ours: true };
      answers.push(owned(at, alias, next));
      at = decodeName(next.data);
    }
  }

  /** A record for a name that nobody knows, chosen so that the same name has always the same one. */
  private invent(name: string, type: number): Answer | undefined {
    const { unknown, key } = this.options;
    if (!unknown || name === '') return undefined;
    if (type === TYPE.MX) {
      const exchanger = encodeName(`${EXCHANGER}.${name}`);
      return exchanger && { type, ttl: TTL, data: Buffer.concat([Uint8Array.of(0, 10), exchanger]) };
    }
    if (type !== TYPE.A) return undefined;
    const bytes = Buffer.from(name.padEnd((name.length + 3) & ~3, '\0'), 'latin1');
    const words = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32LE(4 * i));
    const host = keyedHash(key[0], key[1], ...words) & ~prefixMask(unknown.length);
    const address = (unknown.address | host) >>> 0;
    // No network's own address, nor its broadcast, where there is a choice.
    const last = address & 255;
    const odd = unknown.length <= 24 && (last === 0 || last === 255);
    return { type, ttl: TTL, data: encodeAddress(odd ? (address ^ 1) >>> 0 : address) };
  }

  private real(peer: Peer, { name, type }: Question, give: (found: Found) => void): void {
    // There is no IPv6 here, and other records may carry what their owner likes.
    if (type !== TYPE.A) {
      give({ rcode: 'noerror', answers: [], ours: false });
      return;
    }
    this.options.real!.resolve(peer.clone, name, (result) => {
      if (typeof result === 'string') give({ rcode: result, answers: [], ours: false });
      else {
        const answers = result.map(({ address, ttl }) => ({ type: TYPE.A, ttl, data: encodeAddress(address) }));
        give({ rcode: 'noerror', answers, ours: false });
      }
    });
  }

  private learn({ universe }: Peer, name: string, answers: readonly Answer[]): void {
    for (const { type, data } of answers)
      if (type === TYPE.A) this.options.learnt.note(universe, name, addressOf(data));
  }

  private admits(clone: number): boolean {
    const second = Math.floor(this.options.reporter.now);
    if (second !== this.second) this.asked.clear();
    this.second = second;
    const asked = (this.asked.get(clone) ?? 0) + 1;
    this.asked.set(clone, asked);
    return asked <= this.options.rate;
  }
}

/** DNS over TCP (RFC 7766): each message after its length. */
export class DnsTalk implements Talk {
  private readonly sink: DnsSink;
  private readonly peer: Peer;
  private readonly speaker: Speaker;
  private readonly buffer = Buffer.alloc(2 + TCP_QUESTION);
  private length = 0;
  private over = false;

  constructor(peer: Peer, speaker: Speaker, sink: DnsSink) {
    this.peer = peer;
    this.speaker = speaker;
    this.sink = sink;
  }

  begin(): void {}

  hear(bytes: Uint8Array): void {
    const { buffer } = this;
    for (const byte of bytes) {
      if (this.over) return;
      buffer[this.length++] = byte;
      if (this.length < 2) continue;
      const wanted = buffer.readUInt16BE(0);
      if (wanted > TCP_QUESTION) {
        this.over = true;
        this.speaker.close();
      } else if (this.length === 2 + wanted) {
        this.length = 0;
        this.sink.streamed(this.peer, buffer.subarray(2, 2 + wanted), (message) => this.reply(message));
      }
    }
  }

  end(): void {
    this.over = true;
  }

  private reply(message: Uint8Array): void {
    if (this.over) return;
    this.speaker.say(Buffer.concat([Uint8Array.of(message.length >> 8, message.length & 255), message]));
  }
}

const owned = (name: string, alias: number, record: Answer): Answer =>
  alias === 0 ? record : { ...record, owner: encodeName(name)! };

const addressOf = (data: Uint8Array): number => Buffer.from(data).readUInt32BE(0);

/** A name of a zone, which holds no strange characters. */
function decodeName(bytes: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 0; bytes[at]! > 0; at += 1 + bytes[at]!)
    labels.push(Buffer.from(bytes.subarray(at + 1, at + 1 + bytes[at]!)).toString('latin1'));
  return labels.join('.');
}

function describe({ name, type }: Question, rcode: RcodeName, answers: readonly Answer[]): string {
  const kind = Object.keys(TYPE).find((each) => TYPE[each as keyof typeof TYPE] === type) ?? `type ${type}`;
  const addresses = answers
    .filter((answer) => answer.type === TYPE.A)
    .map(({ data }) => formatAddress(addressOf(data)));
  const told = addresses.length > 0 ? addresses.join(', ') : rcode === 'noerror' ? `${answers.length} records` : rcode;
  return `${kind} ${name || '.'}: ${told}`;
}
