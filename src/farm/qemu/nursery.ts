import { native } from '../../native/addon.js';
import { Packets } from '../../packet/packets.js';
import { PROTOCOL } from '../../packet/protocol.js';
import { answerDhcp, isDhcp } from '../dhcp.js';
import { announces, answerArp, ETHERTYPE, etherType, frame, unframe } from '../wire.js';
import { Wires } from '../wires.js';

/** The network that a machine believes to be in. */
export interface Place {
  readonly address: number;
  readonly gateway: number;
  /** Bits of the network's prefix. */
  readonly prefix: number;
  readonly mac: Uint8Array;
}

/** What a TCP port answers to a SYN. */
export type Knock = 'open' | 'closed' | 'silent';

interface Ward {
  place: Place;
  /** Looks at each frame; the one for which it is true ends the wait. */
  awaited: ((packets: Packets, row: number) => boolean) | undefined;
  heard(): void;
}

/** IPv4 and TCP or ICMP headers without options. */
const IP_BYTES = 20;
const TCP_BYTES = 20;
const ECHO_BYTES = 8 + 56;
const TTL = 64;
const TCP = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;
const ECHO = { reply: 0, request: 8 } as const;
/** What everybody announces who asks from here. */
const WINDOW = 64_240;
const FIRST_PORT = 49_152;
/** Rows for one look at the wires; the rest is room for answers. */
const BATCH = 256;

/**
 * The wires of machines that play nobody yet: those that boot to be frozen, and clones that are warmed up or take on
 * their identity. The gateway is all their neighbours here as well, and the only one who speaks to them.
 */
export class Nursery {
  private readonly wires = new Wires();
  private readonly packets = new Packets();
  private readonly rows = new Uint16Array(1);
  private readonly wards = new Map<number, Ward>();
  private lastPort = FIRST_PORT;
  /** Whether rows of the table are in use. */
  private looking = false;

  constructor() {
    this.wires.onReadable(() => this.look());
  }

  /** @param fd our end of its NIC, which is taken over. */
  admit(id: number, fd: number, place: Place): void {
    this.wires.add(id, fd);
    this.wards.set(id, { place, awaited: undefined, heard() {} });
  }

  /** It has another place now, or is told so. */
  move(id: number, place: Place): void {
    const ward = this.wards.get(id);
    if (ward) ward.place = place;
  }

  dismiss(id: number): void {
    if (!this.wards.delete(id)) return;
    this.wires.remove(id);
  }

  /** Waits until the machine announces the address of its place. @returns false if it does not, in so many ms. */
  announced(id: number, ms: number): Promise<boolean> {
    return this.expect(id, ms, (packets, row) => announces(packets, row) === this.wards.get(id)?.place.address);
  }

  /** Begins a TCP connection, as the machine's gateway, and resets it if that succeeds. */
  async knock(id: number, port: number, ms: number): Promise<Knock> {
    this.lastPort = this.lastPort === 65_535 ? FIRST_PORT : this.lastPort + 1;
    const mine = this.lastPort;
    let answer: Knock = 'silent';
    const answered = this.expect(id, ms, (packets, row) => {
      if (etherType(packets, row) !== ETHERTYPE.ipv4) return false;
      unframe(packets, row);
      this.rows[0] = row;
      if (native.ipCheck(packets.bytes, this.rows, 1, 0) < 0) return false;
      if (packets.proto[row] !== PROTOCOL.tcp || packets.dport[row] !== mine || packets.sport[row] !== port)
        return false;
      answer = packets.tcpFlags[row]! & TCP.syn ? 'open' : 'closed';
      if (answer === 'open') {
        const acknowledged = packets.view.getUint32(packets.start[row]! + packets.ipHeader[row]! + 8);
        this.sendTcp(id, mine, port, TCP.rst, acknowledged);
      }
      return true;
    });
    this.sendTcp(id, mine, port, TCP.syn, mine << 16);
    await answered;
    return answer;
  }

  /** @returns whether it answered. */
  ping(id: number, ms: number): Promise<boolean> {
    const answered = this.expect(id, ms, (packets, row) => {
      const icmp = packets.start[row]! + packets.length[row]! - ECHO_BYTES;
      return (
        etherType(packets, row) === ETHERTYPE.ipv4 &&
        packets.length[row]! > ECHO_BYTES + IP_BYTES &&
        packets.view.getUint8(icmp) === ECHO.reply
      );
    });
    this.send(id, PROTOCOL.icmp, ECHO_BYTES, (view, at) => view.setUint8(at, ECHO.request));
    return answered;
  }

  close(): void {
    this.wards.clear();
    this.wires.close();
  }

  /** Takes what waits on the wires: answers to what was asked, and questions of the machines. */
  private look(): void {
    const { packets } = this;
    this.looking = true;
    const count = this.wires.receive(packets, BATCH);
    for (let row = 0; row < count; row++) {
      const ward = this.wards.get(packets.clone[row]!);
      if (!ward || packets.fault[row] !== 0) continue;
      if (ward.awaited?.(packets, row)) ward.heard();
      else this.answer(packets.clone[row]!, ward.place, row);
    }
    packets.reset();
    this.looking = false;
  }

  private answer(id: number, place: Place, row: number): void {
    const { packets } = this;
    const type = etherType(packets, row);
    const answered =
      type === ETHERTYPE.arp
        ? answerArp(packets, row, place.address, place.mac)
        : type === ETHERTYPE.ipv4 &&
          isDhcp(packets, row, place.address) &&
          answerDhcp(packets, row, place.address) === 'answered';
    if (answered) this.sendRow(id, row);
  }

  private expect(id: number, ms: number, awaited: (packets: Packets, row: number) => boolean): Promise<boolean> {
    const ward = this.wards.get(id);
    if (!ward) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (heard: boolean) => {
        clearTimeout(timer);
        ward.awaited = undefined;
        resolve(heard);
      };
      const timer = setTimeout(() => end(false), ms);
      ward.awaited = awaited;
      ward.heard = () => end(true);
    });
  }

  private sendTcp(id: number, from: number, to: number, flags: number, sequence: number): void {
    this.send(id, PROTOCOL.tcp, TCP_BYTES, (view, at) => {
      view.setUint16(at, from);
      view.setUint16(at + 2, to);
      view.setUint32(at + 4, sequence);
      view.setUint8(at + 12, (TCP_BYTES / 4) << 4);
      view.setUint8(at + 13, flags);
      view.setUint16(at + 14, WINDOW);
    });
  }

  /** Sends what `write` makes of `bytes` zeros behind an IPv4 header. */
  private send(id: number, proto: number, bytes: number, write: (view: DataView, at: number) => void): void {
    const ward = this.wards.get(id);
    const { packets } = this;
    const row = packets.take();
    if (!ward || row === -1) return;
    const { place } = ward;
    const at = packets.start[row]!;
    packets.bytes.fill(0, at, at + IP_BYTES + bytes);
    packets.length[row] = IP_BYTES + bytes;
    packets.view.setUint16(at, 0x4500);
    packets.view.setUint16(at + 2, IP_BYTES + bytes);
    packets.view.setUint8(at + 8, TTL);
    packets.view.setUint8(at + 9, proto);
    packets.view.setUint32(at + 12, place.gateway);
    packets.view.setUint32(at + 16, place.address);
    write(packets.view, at + IP_BYTES);
    this.rows[0] = row;
    native.ipFinish(packets.bytes, this.rows, 1);
    frame(packets, row, place.mac);
    this.sendRow(id, row);
    if (!this.looking) packets.reset();
  }

  private sendRow(id: number, row: number): void {
    this.packets.clone[row] = id;
    this.rows[0] = row;
    this.wires.send(this.packets, this.rows, 1);
  }
}
