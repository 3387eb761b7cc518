import { Socket } from 'node:net';

/** Bytes of a line; what is longer comes in pieces. */
const LONGEST = 4096;
/** Lines of an answer, and milliseconds that it may take. */
const MOST = 4096;
const PATIENCE = 5000;

/** A machine's serial port: its console while it boots, then the wire of its agent. */
export class SerialPort {
  private readonly socket: Socket;
  private rest = '';
  private listener: (line: string) => void = () => {};
  private onClose: () => void = () => {};

  /** @param fd a connected stream socket, which is taken over. */
  constructor(fd: number) {
    this.socket = new Socket({ fd, readable: true, writable: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (piece: string) => this.read(piece));
    // The machine's end is told by the launcher.
    this.socket.on('error', () => this.onClose());
    this.socket.on('close', () => this.onClose());
  }

  /** Calls back for every line from now on, and nobody else. */
  listen(listener: (line: string) => void): void {
    this.listener = listener;
  }

  /**
   * Sends a line and gathers the answer's lines up to one that says `end`.
   * @throws {Error} if it does not come, or is too long
   */
  async ask(question: string): Promise<string[]> {
    const lines: string[] = [];
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`no answer to '${question}' in ${PATIENCE / 1000} s`)),
          PATIENCE,
        );
        const done = (act: () => void) => {
          clearTimeout(timer);
          act();
        };
        this.onClose = () => done(() => reject(new Error('the serial port is closed')));
        this.listen((line) => {
          if (line === 'end') done(resolve);
          else if (lines.push(line) > MOST) done(() => reject(new Error(`an answer has more than ${MOST} lines`)));
        });
        this.socket.write(`${question}\n`);
      });
    } finally {
      this.listen(() => {});
      this.onClose = () => {};
    }
    return lines;
  }

  close(): void {
    this.socket.destroy();
  }

  private read(piece: string): void {
    const lines = (this.rest + piece).split(/\r*\n/);
    this.rest = lines.pop()!;
    if (this.rest.length > LONGEST) {
      lines.push(this.rest);
      this.rest = '';
    }
    for (const line of lines) this.listener(line);
  }
}
