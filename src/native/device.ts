/** An opened packet device. Every method but close() throws once it is closed. */
export interface NativeDevice {
  /**
   * Receives into rows first … first + max - 1 of the packet table whose `bytes` are given, and sets their columns as
   * Packets.take() does, then sec, nsec, start, length and fault.
   * @returns the rows filled, or -errno if there is none because the device has failed.
   */
  receive(packets: Uint8Array, first: number, max: number): number;
  /**
   * Sends the first count rows of the list, and reorders them: the accepted ones come first, then the refused ones.
   * @returns the rows accepted, or -errno if there is none because the device has failed.
   */
  send(packets: Uint8Array, rows: Uint16Array, count: number): number;
  /** Packets dropped by the kernel since the device was opened, because nobody received them in time. */
  drops(): number;
  /** Calls back whenever packets wait or the device has failed, until close(). The callback should receive. */
  onReadable(callback: () => void): void;
  /** Frees everything at once. May be called again. */
  close(): void;
}

/** The wires of all clones: frames come and go with the clone's number in the column `clone` (see native/wires.h). */
export interface NativeWires extends NativeDevice {
  /**
   * Adds the wire of a clone: a unix datagram socket, which is taken over, and closed if this throws for another reason
   * than a wrong argument.
   */
  add(clone: number, fd: number): void;
  /** Closes a clone's wire. False if it has none. */
  remove(clone: number): boolean;
}

export interface NativeRingOptions {
  readonly interface: string;
  /** Only packets of this IPv4 protocol; 0 for all. */
  readonly protocol: number;
  /** Only packets to this address; 0 for all. */
  readonly local: number;
  /** Bytes of a block, a multiple of the page size, and their number. */
  readonly blockBytes: number;
  readonly blocks: number;
  /** Milliseconds until a block that is not full is handed over (TPACKET_V3); 0 for one frame a packet (TPACKET_V2). */
  readonly retire: number;
  /** Which share of the addresses inside, and of how many (see native/spread.h). */
  readonly worker: number;
  readonly workers: number;
}

export interface NativeRawOptions {
  /** The IPv4 protocol to receive; 255 to send only. */
  readonly protocol: number;
  /** The address that packets must be sent to; 0 for any. */
  readonly local: number;
  /** The interface they must come and go by; empty for any. */
  readonly interface: string;
  /** Bytes that may wait in the kernel. */
  readonly receiveBuffer: number;
}

export interface Interface {
  readonly name: string;
  readonly index: number;
  /** Switched on. */
  readonly up: boolean;
  /** … and with a carrier. */
  readonly running: boolean;
  /** Bytes of the longest packet it carries; 0 if that cannot be told. */
  readonly mtu: number;
  /** Six bytes in hexadecimal with colons; empty if it has none. */
  readonly mac: string;
  /** IPv4 addresses, in host byte order, with their prefix lengths. */
  readonly addresses: readonly { readonly address: number; readonly prefix: number }[];
}

/**
 * Packet devices and network namespaces. What fails throws an Error whose `code` is that of errno, and whose message
 * says what was tried.
 */
export interface DeviceNative {
  /** A receive ring (AF_PACKET): the IPv4 packets that arrive at an interface. It sends nothing. */
  openRing(options: NativeRingOptions): NativeDevice;
  /** A raw IP socket: receives one protocol, sends any packet by the kernel's routes. */
  openRaw(options: NativeRawOptions): NativeDevice;
  /** While it is open, the kernel answers no packet of this protocol with ICMP "protocol unreachable". */
  openClaim(protocol: number): NativeDevice;
  /** Sends packets by an interface to the neighbour with this MAC address (6 bytes). It receives nothing. */
  openLink(name: string, mac: Uint8Array): NativeDevice;
  /**
   * Packets over a unix datagram socket, which is taken over. Each has `before` bytes in front of its IPv4 header:
   * 14 for a clone's NIC, whose rows then start with the Ethernet header; 0 for bare IPv4.
   */
  openFrames(fd: number, before: number): NativeDevice;
  /** All clones' wires behind one device. None is there at first. */
  openWires(): NativeWires;
  /**
   * Two connected unix datagram sockets, for openFrames or a wire, and whoever is at the other end. The caller owns
   * both. `buffer`: bytes that may wait in each direction, 4 MiB by default. For root 512 frames may wait in each
   * direction, for others as many as net.unix.max_dgram_qlen says.
   */
  framePair(buffer?: number): [ours: number, theirs: number];
  /** A TUN interface of this name, made in the namespace of this thread, gone when it is closed. */
  openTun(name: string): NativeDevice;
  /**
   * Moves this thread into the network namespace that `ip netns` calls by this name. Call it first in a worker thread:
   * sockets that are open stay behind, and so do libuv's pool threads (DNS) and all other threads. On the main
   * thread it is allowed, but moves every server that is opened later.
   */
  enterNamespace(name: string): void;
  /** Switches GRO, GSO, TSO and transmit checksum offload of an interface on or off, as far as it has them. */
  setOffloads(name: string, on: boolean): void;
  /** The interfaces of this thread's namespace. */
  interfaces(): Interface[];
}
