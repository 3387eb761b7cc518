/**
 * A gateway in which one clone is a network namespace: programs that run there are the clone's software. All other clones are
 * simulated. Arguments: the graph, its definitions as JSON, the gateway's namespace, the clone's namespace and address, the state
 * folder. It tells its parent what happens, and reads and writes handlers for it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { CloneFarm as RealFarm } from '../../src/elements/CloneFarm.js';
import { elements } from '../../src/elements/index.js';
import type { BackendListener, CloneBackend, Identity } from '../../src/farm/backend.js';
import { ETHERNET, frame, GATEWAY_MAC, unframe } from '../../src/farm/wire.js';
import { native } from '../../src/native/addon.js';
import type { NativeDevice } from '../../src/native/device.js';
import { parseAddress } from '../../src/packet/address.js';
import { partition } from '../../src/packet/batch.js';
import { Packets } from '../../src/packet/packets.js';
import { checkGraph } from '../../src/pipeline/check.js';
import { formatDiagnostic } from '../../src/pipeline/click/diagnostics.js';
import { Engine } from '../../src/pipeline/engine.js';
import type { EngineEvent } from '../../src/pipeline/events.js';
import { Registry } from '../../src/pipeline/registry.js';

export type ToTool = { readonly id: number; readonly handler: string; readonly value?: string } | 'halt';

export type FromTool =
  | { readonly kind: 'started' }
  | { readonly kind: 'event'; readonly event: EngineEvent }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: string; readonly error?: string }
  | { readonly kind: 'failed'; readonly message: string };

const [file, defines, gateway, namespace, address, state] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const WIRE = 'wire';
const tell = (message: FromTool) => process.connected && process.send?.(message);

/** Gives the one address the namespace, and all others simulated clones. */
class ToolBackend implements CloneBackend {
  private readonly simulated: CloneBackend;
  private readonly wire: NativeDevice;
  private readonly wake: () => void;
  private listener: BackendListener | undefined;
  /** The clone that is the namespace, once it is asked for, and whether it is ready. */
  private id = 0;
  private ready = false;
  private readable = false;

  constructor(simulated: CloneBackend, wire: NativeDevice, wake: () => void) {
    this.simulated = simulated;
    this.wire = wire;
    this.wake = wake;
  }

  async start(listener: BackendListener, images: readonly string[]): Promise<void> {
    this.listener = listener;
    await this.simulated.start(listener, images);
    this.wire.onReadable(() => {
      this.readable = true;
      this.wake();
    });
  }

  async stop(): Promise<void> {
    this.wire.close();
    await this.simulated.stop();
  }

  insideAddress(): undefined {
    return undefined;
  }

  request(id: number, image: number, identity: Identity): void {
    if (identity.address !== parseAddress(address) || this.id !== 0) this.simulated.request(id, image, identity);
    else {
      this.id = id;
      this.wake();
    }
  }

  deliver(packets: Packets, rows: Uint16Array, count: number): number {
    const one = new Uint16Array(1);
    return partition(rows, count, (row) => {
      one[0] = row;
      if (packets.clone[row] !== this.id) return this.simulated.deliver(packets, one, 1) === 1;
      unframe(packets, row);
      const sent = this.wire.send(packets.bytes, one, 1) === 1;
      packets.start[row] = packets.start[row]! - ETHERNET;
      packets.length[row] = packets.length[row]! + ETHERNET;
      return sent;
    });
  }

  collect(packets: Packets, max: number): number {
    if (this.id !== 0 && !this.ready) {
      this.ready = true;
      this.listener!.ready(this.id, 'warm');
    }
    this.readable = false;
    // What it says before it is a clone is heard by nobody.
    const table = this.ready ? packets : new Packets();
    const first = table.used;
    const received = Math.max(0, this.wire.receive(table.bytes, first, Math.min(max, table.free)));
    table.used += received;
    if (!this.ready) return this.simulated.collect(packets, max);
    for (let row = first; row < first + received; row++) {
      packets.clone[row] = this.id;
      frame(packets, row, GATEWAY_MAC);
      if (packets.bytes[packets.start[row]! + ETHERNET]! >> 4 !== 4)
        packets.view.setUint16(packets.start[row]! + 12, 0x86dd);
    }
    return received + (max > received ? this.simulated.collect(packets, max - received) : 0);
  }

  get busy(): boolean {
    return this.readable || (this.id !== 0 && !this.ready) || this.simulated.busy;
  }

  delta(id: number): number {
    return id === this.id ? 0 : this.simulated.delta(id);
  }

  memory() {
    return this.simulated.memory();
  }

  destroy(id: number): void {
    if (id !== this.id) this.simulated.destroy(id);
    else {
      this.id = 0;
      this.ready = false;
    }
  }
}

let wire: NativeDevice;

class CloneFarm extends RealFarm {
  protected override makeBackend(): CloneBackend {
    return new ToolBackend(super.makeBackend(), wire, () => this.services.wake());
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', ['-n', namespace, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function main(): Promise<void> {
  native.enterNamespace(namespace);
  wire = native.openTun(WIRE);
  ip('link', 'set', 'lo', 'up');
  ip('address', 'add', `${address}/32`, 'dev', WIRE);
  ip('link', 'set', WIRE, 'mtu', '1500', 'up');
  ip('route', 'add', 'default', 'dev', WIRE);
  native.enterNamespace(gateway);
  const names = elements.names.filter((name) => name !== 'CloneFarm');
  const registry = new Registry([...names.map((name) => elements.get(name)!), CloneFarm]);
  // A capture of each clone that has opened connections would take the end of the test.
  const text = readFileSync(file, 'utf8').replace('CloneFarm(', 'CloneFarm(CAPTURE off, ');
  const source = { file, text };
  const { graph, diagnostics } = checkGraph(source, registry, { defines: JSON.parse(defines) });
  if (!graph) throw new Error(diagnostics.map(formatDiagnostic).join('\n'));
  const engine = new Engine(graph, registry, { state, onEvent: (event) => tell({ kind: 'event', event }) });
  process.on('message', (message: ToTool) => {
    if (message === 'halt') engine.halt();
    else {
      const { id, handler, value } = message;
      try {
        if (value !== undefined) engine.handlers.write(handler, value);
        tell({ kind: 'answer', id, value: value === undefined ? engine.handlers.read(handler) : '' });
      } catch (error) {
        tell({ kind: 'answer', id, error: (error as Error).message });
      }
    }
  });
  process.on('disconnect', () => engine.halt());
  await engine.start();
  tell({ kind: 'started' });
  await engine.run();
  await engine.stop();
}

try {
  await main();
} catch (error) {
  tell({ kind: 'failed', message: (error as Error).message });
  process.exitCode = 1;
}
if (process.connected) process.disconnect();
