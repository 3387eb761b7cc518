// What a receive ring says about a packet, and how it gets into a row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "columns.h"

namespace potemkin {

// The same for both versions of the ring.
struct RingFrame {
  const uint8_t* base;  // offsets count from here
  size_t room;          // bytes there are from base
  uint32_t sec;
  uint32_t nsec;
  uint32_t captured;  // bytes from the link-layer header
  uint32_t length;    // … before they were cut to what fits
  uint32_t mac;  // offset of the link-layer header, in front of which PACKET_VNET_HDR puts the offload state
  uint32_t net;  // offset of the IPv4 header
};

// Copies a packet into a cleared row, without its link-layer header, and sets sec, nsec, length and fault:
// oversize or captured-short where it was cut, link-truncated where offsets cannot be. A transport checksum
// that the sender left to its device is completed.
void PutFrame(const Packets& packets, uint32_t row, const RingFrame& frame);

}  // namespace potemkin
