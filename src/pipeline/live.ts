import { Driver, type DriverOptions, type DriverState, type Method } from '../packet/drivers/driver.js';
import type { AnyElement } from './element.js';
import type { MetricSpec } from './spec.js';
import type { Counter, Gauge } from './stats.js';
import { bytes, choice } from './values.js';

/** Configuration keys of every element that has a network interface. */
export const liveConfig = {
  method: choice(
    ['RING', 'RAW', 'PCAP', 'RAWSOCKET'],
    'RING',
    'How packets come and go: an AF_PACKET ring, a raw IP socket, libpcap, or the raw-socket package.',
  ),
  buffer: bytes(32 * 2 ** 20, 'Packets that may wait in the kernel, in bytes.'),
} as const;

/** Metrics of every element that has a network interface. */
export const liveMetrics = {
  kernel_drops: { kind: 'counter', doc: 'packets the kernel dropped because nobody received them in time' },
  interface_failures: { kind: 'counter', doc: 'times the interface was missing, went down or failed' },
  interface_up: { kind: 'gauge', doc: '1 if the interface is there and up' },
} as const satisfies Record<string, MetricSpec>;

/** Why an element with this configuration cannot be one of several workers'. */
export const ofEachWorker = ({ method }: { readonly method: Method }): string | undefined =>
  method === 'RING' ? undefined : `METHOD ${method} cannot leave packets to other workers; RING can`;

/** Seconds between two looks at what the driver has counted. */
const ROUND = 1;

/**
 * Opens an interface for an element: packets that arrive wake the engine, and what becomes of the interface is told
 * to people and counted.
 */
export function openLive(
  element: AnyElement,
  metrics: { kernel_drops: Counter; interface_failures: Counter; interface_up: Gauge },
  options: Omit<DriverOptions, 'onState' | 'mayOpen' | 'share'> & { method: Method },
): Driver {
  const { services } = element;
  const tell = (state: DriverState) => {
    metrics.interface_up.set(state.up ? 1 : 0);
    const message = state.up ? `${options.interface} is up` : `${state.message}; trying again`;
    services.event({ kind: 'warning', element: element.name, message });
  };
  metrics.interface_up.set(1);
  const driver = new Driver({
    ...options,
    share: services.share,
    mayOpen: (index) => services.mayOpen(options.interface, index),
    onState: tell,
  });
  driver.onReadable(() => services.wake());
  services.clock.every(ROUND, () => {
    metrics.kernel_drops.add(driver.drops() - metrics.kernel_drops.value);
    metrics.interface_failures.add(driver.failures - metrics.interface_failures.value);
  });
  return driver;
}
