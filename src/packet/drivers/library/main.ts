/** The helper process of METHOD PCAP and RAWSOCKET: see LibraryDevice in ../library.ts. */
import { native } from '../../../native/addon.js';
import { Batch } from '../../batch.js';
import { BATCH, MAX_PACKET } from '../../columns.js';
import { Packets } from '../../packets.js';
import type { LibraryMessage, LibraryOptions } from '../library.js';

/** Behind stdin, stdout, stderr and the IPC channel. */
const SOCKET = 4;

/** Milliseconds between reports of dropped packets. */
const REPORT = 100;

/** Bytes of a packet that is too long: enough for the receiver to see that it is. */
const TOO_LONG = MAX_PACKET + 1;

/** What a library is for us. */
export interface Library {
  /** Sends a packet. The row lives until it returns. */
  send(packet: Uint8Array): void;
}

/** Where a library puts what it received, and what it lost. */
export interface Sink {
  /** Takes a copy of the IPv4 packet at bytes[start … end]. */
  put(bytes: Uint8Array, start: number, end: number): void;
  lost(): void;
}

function tell(message: LibraryMessage): void {
  process.send?.(message);
}

async function run(): Promise<void> {
  const options = JSON.parse(process.argv[2]!) as LibraryOptions;
  const socket = native.openFrames(SOCKET, 0);
  const packets = new Packets();
  const batch = new Batch();
  let drops = 0;
  let scheduled = false;

  const flush = () => {
    scheduled = false;
    if (batch.count === 0) return;
    const sent = socket.send(packets.bytes, batch.rows, batch.count);
    drops += batch.count - Math.max(sent, 0);
    batch.clear();
    packets.reset();
  };
  const sink: Sink = {
    put(bytes, start, end) {
      const row = packets.take();
      const length = Math.min(end - start, TOO_LONG);
      // A byte earlier, so that one byte too many fits into the slot.
      packets.start[row] = packets.start[row]! - 1;
      packets.bytes.set(bytes.subarray(start, start + length), packets.start[row]!);
      packets.length[row] = length;
      batch.add(row);
      if (batch.count === BATCH) flush();
      else if (!scheduled) {
        scheduled = true;
        setImmediate(flush);
      }
    },
    lost: () => drops++,
  };

  const { open } = await (options.library === 'cap' ? import('./cap.js') : import('./raw-socket.js'));
  const library: Library = open(options, sink);
  const outgoing = new Packets();
  socket.onReadable(() => {
    outgoing.reset();
    const rows = socket.receive(outgoing.bytes, 0, BATCH);
    for (let row = 0; row < rows; row++) library.send(outgoing.packet(row));
  });

  let reported = 0;
  setInterval(() => {
    if (drops !== reported) tell({ drops });
    reported = drops;
  }, REPORT);
}

// It must not outlive the gateway.
process.on('disconnect', () => process.exit());
try {
  await run();
} catch (error) {
  tell({ error: `cannot open it: ${error instanceof Error ? error.message : String(error)}` });
  process.disconnect?.();
}
