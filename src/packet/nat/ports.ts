import { createHmac } from 'node:crypto';
import { PROTOCOL } from '../protocol.js';

export interface PortOptions {
  /** The ports that are given out, both included; the first is above 0. */
  readonly ports: readonly [number, number];
  /** 16 bytes that make ports unpredictable (RFC 6056). */
  readonly seed: Uint8Array;
}

/** Ports that are tried before it is given up. */
const TRIES = 64;

const COUNT = 1 << 16;

/** Which ports, and ICMP identifiers, are given out, and to whom. TCP, UDP and ICMP have their own. */
export class Ports {
  private readonly options: PortOptions;
  /** By protocol and port: its holder plus 1. */
  private readonly holders = new Uint32Array(3 * COUNT);
  private drawn: Buffer = Buffer.alloc(0);
  private at = 0;
  private draws = 0;

  constructor(options: PortOptions) {
    this.options = options;
  }

  /** Who has a port, or -1. */
  holder(proto: number, port: number): number {
    return this.holders[place(proto, port)]! - 1;
  }

  /** Gives out a port that nobody has, drawn at random. 0 if none was found. */
  take(proto: number, holder: number): number {
    const [first, last] = this.options.ports;
    for (let i = 0; i < TRIES; i++) {
      const port = first + (this.draw() % (last - first + 1));
      const at = place(proto, port);
      if (this.holders[at] !== 0) continue;
      this.holders[at] = holder + 1;
      return port;
    }
    return 0;
  }

  free(proto: number, port: number): void {
    this.holders[place(proto, port)] = 0;
  }

  private draw(): number {
    if (this.at === this.drawn.length) {
      this.drawn = createHmac('sha256', this.options.seed)
        .update(String(this.draws++))
        .digest();
      this.at = 0;
    }
    this.at += 4;
    return this.drawn.readUInt32LE(this.at - 4);
  }
}

function place(proto: number, port: number): number {
  return (proto === PROTOCOL.tcp ? 0 : proto === PROTOCOL.udp ? COUNT : 2 * COUNT) + port;
}
