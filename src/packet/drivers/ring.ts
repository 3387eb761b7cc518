import { native } from '../../native/addon.js';
import type { NativeDevice } from '../../native/device.js';
import { type Device, type DeviceOptions, NativeDevices } from './device.js';

/** Bytes of a block of the ring: a multiple of every page size, and long enough for packets of 64 KiB. */
const BLOCK = 1 << 18;

/**
 * What a method that sees a whole interface sends with: the kernel's routes, or one neighbour. If it receives one
 * protocol only, it also keeps the kernel from answering that it does not know this protocol.
 */
export function companions({ interface: name, protocol, mac }: DeviceOptions): (() => NativeDevice)[] {
  const claim = () => native.openClaim(protocol);
  const sender = () =>
    mac === undefined
      ? native.openRaw({ protocol: 255, local: 0, interface: name, receiveBuffer: 1 << 12 })
      : native.openLink(name, mac);
  return protocol === 0 ? [sender] : [claim, sender];
}

/** METHOD RING: our AF_PACKET ring (native/ring.h). The quickest; each packet costs one copy and no system call. */
export function openRing(options: DeviceOptions): Device {
  const ring = () =>
    native.openRing({
      interface: options.interface,
      protocol: options.protocol,
      local: options.local,
      blockBytes: BLOCK,
      blocks: Math.max(1, Math.ceil(options.buffer / BLOCK)),
      retire: options.retire,
      ...options.share,
    });
  return new NativeDevices(ring, ...companions(options));
}
