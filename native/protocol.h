// Numbers of the protocols that are looked into.
#pragma once

#include <cstdint>

namespace potemkin {

// https://www.iana.org/assignments/protocol-numbers
inline constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kGre = 47;
// TCP flags (RFC 9293 3.1).
inline constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;

// Whether an ICMP message of this type quotes the packet that it is about (RFC 792).
constexpr bool isIcmpError(uint8_t type) {
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

}  // namespace potemkin
