// Raw IP sockets: whole IPv4 packets, routed by the kernel. See raw(7).
#pragma once

#include <memory>
#include <string>

#include "device.h"

namespace potemkin {

struct RawOptions {
  uint8_t protocol;        // the IPv4 protocol to receive; IPPROTO_RAW (255) to send only
  uint32_t local;          // the address it must be sent to, in host byte order; 0 for any
  std::string interface;   // the interface it must come and go by; empty for any
  uint32_t receiveBuffer;  // bytes
};

// Receives packets of one protocol, with their IPv4 headers, defragmented by the kernel, and sends packets of
// any. The kernel sets total length, checksum and (where it is 0) the identification of what is sent.
std::unique_ptr<Device> OpenRaw(const RawOptions& options);

// As long as it is open, the kernel takes packets of this protocol for handled and does not answer them with
// ICMP "protocol unreachable", which it would do for GRE that only a packet socket reads. It receives
// nothing.
std::unique_ptr<Device> OpenClaim(uint8_t protocol);

}  // namespace potemkin
