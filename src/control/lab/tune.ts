/**
 * A thread that tunes the namespaces of a lab and ends. Sysctls and offloads are those of the namespace that a thread
 * is in, which only a thread of its own may leave.
 */
import { writeFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { native } from '../../native/addon.js';

export interface Tuning {
  readonly namespace: string;
  /** Values by the path below /proc/sys/net. */
  readonly sysctls: Readonly<Record<string, string>>;
  /**
   * Interfaces whose offloads are switched off: packets must have their checksums and their size before they go into
   * the tunnel.
   */
  readonly interfaces: readonly string[];
}

for (const { namespace, sysctls, interfaces } of workerData as readonly Tuning[]) {
  native.enterNamespace(namespace);
  // Synchronously: the threads that serve asynchronous calls are not in the namespace.
  for (const [path, value] of Object.entries(sysctls)) writeFileSync(`/proc/sys/net/${path}`, value);
  for (const name of interfaces) native.setOffloads(name, false);
}
