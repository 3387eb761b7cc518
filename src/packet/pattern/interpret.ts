import type { Packets } from '../packets.js';
import { AT, assemble, OP, READ } from './program.js';
import type { Pattern } from './syntax.js';

/** Where fact 0 is in the array of facts; before it are the columns, by their numbers in READ. */
export const FACTS_AT = READ.ip;

/** A pattern that may test facts beside the packet, which native code does not know. */
export interface Program {
  readonly code: Int32Array;
  readonly first: number;
}

export function program({ tree }: Pick<Pattern, 'tree'>): Program {
  const { program: code, first } = assemble([{ tree }]);
  return { code, first };
}

/** Copies the columns that programs test to the front of an array of facts. */
export function loadColumns(facts: Uint32Array, packets: Packets, row: number): void {
  facts[READ.src] = packets.src[row]!;
  facts[READ.dst] = packets.dst[row]!;
  facts[READ.sport] = packets.sport[row]!;
  facts[READ.dport] = packets.dport[row]!;
  facts[READ.proto] = packets.proto[row]!;
  facts[READ.tcpFlags] = packets.tcpFlags[row]!;
  facts[READ.fragment] = packets.fragment[row]!;
}

/** Whether a pattern matches the packet in a row, of which `facts` are known. */
export function matches({ code, first }: Program, facts: Uint32Array, packets: Packets, row: number): boolean {
  let at = first;
  while (at >= 0) {
    const read = code[at + AT.read]!;
    const op = code[at + AT.op]!;
    let there = true;
    let value: number;
    if (read < READ.ip) value = facts[read]!;
    else if (read === READ.fact) value = facts[FACTS_AT + code[at + AT.offset]!]!;
    else {
      value = readBytes(packets, row, read, code[at + AT.offset]!, code[at + AT.width]!);
      there = value >= 0;
    }
    const wanted = code[at + AT.value]! >>> 0;
    const masked = ((value >>> code[at + AT.shift]!) & code[at + AT.mask]!) >>> 0;
    const holds = there && (op === OP.is ? masked === wanted : op === OP.has || masked > wanted);
    at = code[at + (holds ? AT.yes : AT.no)]!;
  }
  return at === -1;
}

/** Bytes as one number; -1 if the packet does not reach that far. */
function readBytes(packets: Packets, row: number, read: number, offset: number, width: number): number {
  const base = read === READ.ip ? 0 : read === READ.transport ? packets.ipHeader[row]! : packets.payload[row]!;
  if (base + offset + width > packets.length[row]!) return -1;
  const at = packets.start[row]! + base + offset;
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + packets.bytes[at + i]!;
  return value;
}
