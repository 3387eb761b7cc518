import { native } from '../../native/addon.js';

/** The name of the interface of this thread's namespace that has an IPv4 address, undefined if none has. */
export function interfaceWith(address: number): string | undefined {
  return native.interfaces().find(({ addresses }) => addresses.some((each) => each.address === address))?.name;
}

/** The longest packet that an interface of this thread's namespace carries, in bytes; undefined if it is not there. */
export function mtuOf(name: string): number | undefined {
  return native.interfaces().find((one) => one.name === name)?.mtu || undefined;
}
