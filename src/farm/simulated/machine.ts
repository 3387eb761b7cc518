import { keyedHash } from '../../packet/half-siphash.js';
import type { Identity } from '../backend.js';
import { PAGE_SIZE, type PageClone } from '../pool.js';
import { Connection, STATE } from './connection.js';
import {
  BUFFERS_AT,
  CONNECTIONS,
  CONNECTIONS_AT,
  NAME_AT,
  NAME_BYTES,
  SEND_BUFFER,
  STATE_BYTES,
  WORKING_SET_AT,
} from './layout.js';
import type { Profile } from './profile.js';
import { record } from './record.js';

const HEADER = record({
  address: 'u32',
  mac: 'u48',
  keyLow: 'u32',
  keyHigh: 'u32',
  /** IPv4 packets sent. */
  sent: 'u32',
  /** Uses of connections. */
  uses: 'u32',
  /** Pages of the working set that are dirty. */
  dirtied: 'u32',
  /** Connections opened by the machine itself. */
  opened: 'u16',
  nameLength: 'u8',
});

const PURPOSE = { name: 0, packet: 1, sequence: 2, timestamp: 3, port: 4 } as const;

/**
 * The simulated machine that runs now. All that a machine knows lies in its copy-on-write memory: resume() reads
 * it, suspend() writes it back. Between the two this object is that machine.
 */
export class Machine {
  private readonly state = new Uint8Array(STATE_BYTES);
  private readonly view = new DataView(this.state.buffer);
  private readonly scratch = new Uint8Array(SEND_BUFFER);
  readonly header = new HEADER(this.view, 0);
  readonly connections: readonly Connection[] = Array.from(
    { length: CONNECTIONS },
    (_, slot) => new Connection(this.view, CONNECTIONS_AT + slot * Connection.size, slot),
  );
  profile!: Profile;
  now = 0;
  /** Connections that were forgotten because the table was full, of all machines. */
  evicted = 0;
  /** Called before a connection is forgotten, whatever the reason. */
  onFree: (connection: Connection) => void = () => {};
  private memory!: PageClone;

  /** Writes what makes a machine this one into the memory of a fresh clone. */
  create(memory: PageClone, profile: Profile, { address, mac, hostname, entropy }: Identity): void {
    const { header, state } = this;
    this.memory = memory;
    this.profile = profile;
    state.fill(0);
    header.address = address;
    header.mac = mac.reduce((value, byte) => value * 256 + byte, 0);
    header.keyLow = Number(entropy & 0xffffffffn);
    header.keyHigh = Number((entropy >> 32n) & 0xffffffffn);
    let draws = 0;
    const digit = () => String(this.random('name', draws++) % 10);
    const name = Buffer.from(profile.hostname?.replaceAll('#', digit) ?? hostname, 'latin1').subarray(0, NAME_BYTES);
    header.nameLength = name.length;
    state.set(name, NAME_AT);
    this.dirty(profile.dirty.birth);
    memory.write(0, state);
  }

  resume(memory: PageClone, profile: Profile, now: number): void {
    this.memory = memory;
    this.profile = profile;
    this.now = now;
    memory.read(0, this.state);
  }

  /** Returns when the machine must run again if nothing comes before, Infinity if never. */
  suspend(): number {
    this.memory.write(0, this.state);
    let next = Number.POSITIVE_INFINITY;
    for (const { due } of this.connections) if (due > 0 && due < next) next = due;
    return next;
  }

  get hostname(): string {
    return Buffer.from(this.state.buffer, NAME_AT, this.header.nameLength).toString('latin1');
  }

  /** 32 bits that follow from the machine's entropy, what they are for, and the words. */
  random(purpose: keyof typeof PURPOSE, ...words: number[]): number {
    return keyedHash(this.header.keyLow, this.header.keyHigh, PURPOSE[purpose], ...words);
  }

  /** Dirties so many more pages, until the working set is as large as the profile allows. */
  dirty(pages: number): void {
    const { header } = this;
    const count = Math.min(pages, this.profile.dirty.limit - header.dirtied);
    if (count <= 0) return;
    const first = WORKING_SET_AT / PAGE_SIZE + header.dirtied;
    this.memory.touch(Uint32Array.from({ length: count }, (_, i) => first + i));
    header.dirtied += count;
  }

  find(remote: number, remotePort: number, localPort: number): Connection | undefined {
    for (const connection of this.connections) {
      if (
        connection.state !== STATE.closed &&
        connection.remote === remote &&
        connection.remotePort === remotePort &&
        connection.localPort === localPort
      ) {
        return connection;
      }
    }
    return undefined;
  }

  /** A free slot, all zero; if there is none, that of a connection in TIME-WAIT, or of the one idle longest. */
  allocate(): Connection {
    const worth = ({ state, used }: Connection) => (state === STATE.closed ? -2 : state === STATE.timeWait ? -1 : used);
    const victim = this.connections.reduce((least, each) => (worth(each) < worth(least) ? each : least));
    if (victim.state !== STATE.closed) this.evicted++;
    this.free(victim);
    this.use(victim);
    return victim;
  }

  free(connection: Connection): void {
    const { slot } = connection;
    if (connection.state !== STATE.closed) this.onFree(connection);
    const at = CONNECTIONS_AT + slot * Connection.size;
    this.state.fill(0, at, at + Connection.size);
    for (const other of this.connections) if (other.partner === slot + 1) other.partner = 0;
  }

  use(connection: Connection): void {
    connection.used = ++this.header.uses;
  }

  /** Adds to a connection's send buffer what fits. Returns the bytes taken. */
  queue(connection: Connection, bytes: Uint8Array): number {
    const taken = bytes.subarray(0, SEND_BUFFER - connection.queued);
    if (taken.length > 0) this.memory.write(this.bufferOf(connection) + connection.queued, taken);
    connection.queued += taken.length;
    return taken.length;
  }

  /** Fills `into` from a connection's send buffer. */
  peek(connection: Connection, offset: number, into: Uint8Array): void {
    if (into.length > 0) this.memory.read(this.bufferOf(connection) + offset, into);
  }

  /** Takes the first bytes out of a connection's send buffer. */
  discard(connection: Connection, count: number): void {
    const rest = this.scratch.subarray(0, connection.queued - count);
    this.peek(connection, count, rest);
    if (count > 0 && rest.length > 0) this.memory.write(this.bufferOf(connection), rest);
    connection.queued = rest.length;
  }

  private bufferOf({ slot }: Connection): number {
    return BUFFERS_AT + slot * SEND_BUFFER;
  }
}
