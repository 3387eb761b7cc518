import { native } from '../../native/addon.js';
import { type Device, type DeviceOptions, NativeDevices } from './device.js';

/**
 * METHOD RAW: our raw IP socket (native/raw.h). It needs no more than CAP_NET_RAW, shares the host with other
 * sockets, and gets fragments put together by the kernel; it costs a system call for each batch.
 */
export function openRaw(options: DeviceOptions): Device {
  if (options.protocol === 0) throw new TypeError('METHOD RAW receives one protocol: say which');
  if (options.mac !== undefined)
    throw new TypeError("METHOD RAW sends by the kernel's routes: it takes no MAC address");
  return new NativeDevices(() =>
    native.openRaw({
      protocol: options.protocol,
      local: options.local,
      interface: options.interface,
      receiveBuffer: options.buffer,
    }),
  );
}
