/** The gateway with clones and tunnels of the test. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GreTunnel as RealTunnel } from '../../../src/elements/GreTunnel.js';
import { elements } from '../../../src/elements/index.js';
import type { Packets } from '../../../src/packet/packets.js';
import { checkGraph } from '../../../src/pipeline/check.js';
import { Registry } from '../../../src/pipeline/registry.js';
import { craft } from '../../unit/craft.js';
import { CloneFarm } from '../hostile.js';
import { type GraphData, printGraph } from './graphs.js';
import { print } from './policies.js';
import type { PolicyData } from './policy-data.js';

/** Outer headers: IPv4 and GRE without options. */
const OUTER = 24;

/** A tunnel whose other end is the test. */
export class GreTunnel extends RealTunnel {
  readonly incoming: Buffer[] = [];
  onSend: (clone: number, packet: Buffer) => void = () => {};

  override start(): void {
    const driver = {
      receive: (packets: Packets, max: number): number => {
        const some = this.incoming.splice(0, max);
        for (const bytes of some) {
          const row = packets.take();
          packets.bytes.set(bytes, packets.start[row]!);
          packets.length[row] = bytes.length;
        }
        return some.length;
      },
      send: (packets: Packets, rows: Uint16Array, count: number): number => {
        for (const row of rows.subarray(0, count))
          this.onSend(packets.clone[row]!, Buffer.from(packets.packet(row)).subarray(OUTER));
        return count;
      },
      close() {},
    };
    Object.assign(this, { driver, mtu: 1500 });
  }
}

const replaced = [CloneFarm, GreTunnel];
export const registry = new Registry([
  ...elements.names.filter((name) => !replaced.some((each) => each.name === name)).map((name) => elements.get(name)!),
  ...replaced,
]);

/** Which image plays which address. */
export const MAP = '0.0.0.0/0 linux\n10.99.0.2/32 windows\n198.51.100.2/32 windows\n';

/** The router's header around a packet. */
export function encapsulated(packet: Buffer): Buffer {
  const payload = Buffer.concat([Buffer.from([0, 0, 8, 0]), packet]);
  return craft({ proto: 47, src: 0xc0000201, dst: 0xc0000202, payload });
}

/** What is wrong with a graph, or the graph itself. The policies are written for it to read. */
export function checked(folder: string, graph: GraphData, policies: ReadonlyMap<string, PolicyData>) {
  for (const [name, policy] of policies) writeFileSync(join(folder, `${name}.policy`), print(policy));
  const text = printGraph(graph);
  const { graph: sound, diagnostics } = checkGraph({ file: join(folder, 'g.click'), text }, registry);
  return {
    text,
    sound,
    errors: diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => message),
  };
}
