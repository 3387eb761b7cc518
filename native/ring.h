// AF_PACKET receive rings: the kernel writes packets into memory that it shares with us. See packet(7).
#pragma once

#include <memory>
#include <string>

#include "device.h"
#include "spread.h"

namespace potemkin {

struct RingOptions {
  std::string interface;
  // Only packets of this IPv4 protocol; 0 for all.
  uint8_t protocol;
  // Only packets to this address, in host byte order; 0 for all.
  uint32_t local;
  // The ring's memory: blocks of blockBytes, a multiple of the page size.
  uint32_t blockBytes;
  uint32_t blocks;
  // Milliseconds until a block that is not full is handed over (TPACKET_V3): cheapest, and 32 MiB hold some
  // 200,000 short packets, but each waits that long. 0: each packet is handed over at once, in a frame of its
  // own (TPACKET_V2), of which 32 MiB hold some 15,000. bench/drivers.ts measures both.
  uint32_t retire;
  // Which of the packets are received.
  Share share;
};

// Receives the IPv4 packets that arrive at an interface, without their link-layer headers and (single) VLAN
// tags. Checksums that a sender on this machine left to its device are completed.
std::unique_ptr<Device> OpenRing(const RingOptions& options);

}  // namespace potemkin
