// TCP, UDP and ICMP inside of an IPv4 packet whose header is sound. `body` points to `bytes` bytes, which is
// all that IPv4 says the packet holds.
#pragma once

#include "checksum.h"
#include "columns.h"

namespace potemkin {

// What the columns hold about a transport header: as much of it as there is.
struct Transport {
  uint16_t sport, dport;
  uint8_t tcpFlags;
  uint32_t header;  // bytes of it that are there
};

// Echo, timestamp, information and address mask: request and reply carry an identifier (RFC 792, RFC 950).
constexpr bool hasIdentifier(uint8_t type) {
  return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

Transport readTransport(uint8_t proto, const uint8_t* body, uint32_t bytes);

// Verifies the header of a whole datagram and its checksum; a UDP checksum of 0 means none.
Fault checkTransport(const uint8_t* ip, uint8_t proto, const uint8_t* body, uint32_t bytes);

// Verifies that a first fragment holds what flows are told apart by.
Fault checkFirstFragment(uint8_t proto, uint32_t bytes);

// Writes the ports (see rewriteIp) and updates the checksum by them and by the change of addresses. Nothing
// is changed if it returns a fault.
Fault rewriteTransport(uint8_t proto, uint8_t* body, uint32_t bytes, uint16_t sport, uint16_t dport,
                       Change addresses, bool moved);

// Computes the checksum of a whole datagram.
Fault finishTransport(const uint8_t* ip, uint8_t proto, uint8_t* body, uint32_t bytes);

}  // namespace potemkin
