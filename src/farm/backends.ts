import type { Services } from '../pipeline/element.js';
import type { CloneBackend } from './backend.js';
import { QemuBackend } from './qemu/backend.js';
import { CAPTURING } from './retirement.js';
import { SimulatedBackend } from './simulated/backend.js';

/** Where clones are to come from. */
export const BACKENDS = ['qemu', 'simulated'] as const;

export interface BackendConfig {
  readonly backend: (typeof BACKENDS)[number];
  /** Of simulated clones: the folder of their profiles, memory for all together, and the time until one is ready. */
  readonly images: string;
  readonly memory: number;
  readonly latency: number;
  /** Of real machines: see the keys of CloneFarm. */
  readonly overhead: number;
  readonly disk: number;
  readonly standby: number;
  readonly standbyMost: number;
  readonly builders: number;
  readonly refill: number;
}

/** @param most clones that may play somebody at once; those that are captured come on top */
export function makeBackend(services: Services, name: string, config: BackendConfig, most: number): CloneBackend {
  const { backend, images, memory, latency, overhead, disk, standby, standbyMost, builders, refill } = config;
  if (backend === 'simulated')
    return new SimulatedBackend({
      services,
      folder: images,
      memoryBudget: memory,
      maxClones: most + CAPTURING,
      latency,
    });
  return new QemuBackend({
    services,
    state: services.state,
    machines: most + CAPTURING + standbyMost + builders,
    standby: { least: standby, most: Math.max(standby, standbyMost), builders, rate: refill },
    overhead,
    disk,
    warn: (message) => services.event({ kind: 'warning', element: name, message }),
  });
}
