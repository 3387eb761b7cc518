// Link-layer framings of capture files: where the IPv4 packet begins in a frame.
#pragma once

#include <cstddef>
#include <cstdint>

#include "columns.h"
#include "wire.h"

namespace potemkin {

// Numbers of https://www.tcpdump.org/linktypes.html. 12 and 14 are what raw IP is called by some systems' own
// DLT numbers, and end up in files.
enum LinkType : uint32_t {
  kLinkNull = 0,
  kLinkEthernet = 1,
  kLinkRawBsd = 12,
  kLinkRawOpenBsd = 14,
  kLinkRaw = 101,
  kLinkLoop = 108,
  kLinkSll = 113,
  kLinkIpv4 = 228,
  kLinkSll2 = 276,
};

bool knowsLink(uint32_t linkType);

struct Stripped {
  Fault fault;
  uint32_t offset;  // bytes before the IPv4 packet, at most the frame's; 0 if there is a fault
};

// Finds the IPv4 packet in a frame: kLinkTruncated if the frame ends before it is known what it carries,
// kNotIpv4 if it carries something else or the link type is unknown. Up to four VLAN tags (802.1Q, 802.1ad)
// are passed.
Stripped stripAny(uint32_t linkType, const uint8_t* frame, size_t length);

inline Stripped strip(uint32_t linkType, const uint8_t* frame, size_t length) {
  // What nearly all frames are: Ethernet without tags.
  constexpr uint32_t kHeader = 14;
  if (linkType == kLinkEthernet && length >= kHeader && get16(frame + 12) == 0x0800) [[likely]]
    return {Fault::kNone, kHeader};
  return stripAny(linkType, frame, length);
}

}  // namespace potemkin
