// The parts of these packages that the drivers use. Neither ships types.

declare module 'cap' {
  import type { EventEmitter } from 'node:events';

  class Cap extends EventEmitter<{ packet: [bytes: number, truncated: boolean] }> {
    /** Returns the link type. Packets are written into the buffer one by one; each is followed by 'packet'. */
    open(device: string, filter: string, bufferBytes: number, buffer: Buffer): string;
    /** Sends a frame with its link-layer header. */
    send(frame: Buffer, bytes?: number): void;
    close(): boolean;
  }
  const cap: { readonly Cap: typeof Cap };
  export default cap;
}

declare module 'raw-socket' {
  import type { EventEmitter } from 'node:events';

  interface Socket
    extends EventEmitter<{ message: [packet: Buffer, source: string]; error: [error: Error]; close: [] }> {
    /** The packet is sent when the socket is writable; the callback tells what became of it. */
    send(
      packet: Buffer,
      offset: number,
      length: number,
      address: string,
      sent: (error: Error | null, bytes: number) => void,
    ): this;
    setOption(level: number, option: number, value: number): void;
    setOption(level: number, option: number, value: Buffer, length: number): void;
    close(): this;
  }

  const raw: {
    createSocket(options: { protocol: number; bufferSize: number }): Socket;
    readonly SocketLevel: { readonly SOL_SOCKET: number; readonly IPPROTO_IP: number };
    readonly SocketOption: {
      readonly SO_BINDTODEVICE: number;
      readonly SO_RCVBUF: number;
      readonly IP_HDRINCL: number;
    };
  };
  export default raw;
}
