// GRE over IPv4 in batches: RFC 2784 with the key and sequence number of RFC 2890.
#pragma once

#include <cstddef>
#include <cstdint>

#include "wire.h"

namespace potemkin {

// One tunnel: what is expected, what is sent, and where its sequence numbers stand. It lies in a Uint32Array
// of JavaScript (src/packet/tunnel.ts knows the order), so every value of every word is allowed.
struct Tunnel {
  uint32_t flags;
  uint32_t local, remote;  // outer addresses, host byte order; on receipt 0 stands for any
  uint32_t key;
  uint32_t number;  // the low byte plus 1 goes into the column `tunnel`
  uint32_t seen;    // 1 once a sequence number was received
  uint32_t last;    // the highest sequence number received
  uint32_t next;    // the sequence number to send next
};

enum TunnelFlag : uint32_t {
  kTunnelKey = 1,        // packets carry `key`, both ways; without it any key or none is received, none sent
  kTunnelRowKey = 2,     // packets carry the key of the row's column `key`; received ones may have any
  kTunnelChecksum = 4,   // send checksums. Those received are always verified
  kTunnelSequence = 8,   // send sequence numbers
  kTunnelOrder = 16,     // discard packets whose sequence number is not above the last one (RFC 2890 2.2)
  kTunnelEthernet = 32,  // also receive Transparent Ethernet Bridging (protocol 0x6558) that carries IPv4
};

// Takes the outer IPv4 and GRE headers off: start and length become those of the inner packet, key and tunnel
// are set. The outer header is verified, the inner packet is not looked at (that is checkIp's). Bits 6 to 12
// of the flags are ignored, 4 and 5 are refused (RFC 2784 2.3). Writes fault; faulty rows stay as they were.
Judged decapsulate(const Packets& packets, const uint16_t* rows, size_t n, Tunnel& tunnel);

// Puts outer IPv4 (do not fragment, TTL 64, identification 0: RFC 6864) and GRE in front of the packets, into
// the headroom of their slots. The columns then describe the outer packet. Writes fault: oversize where the
// headroom is too short. Returns how many rows are faulty; those stay as they were.
uint32_t encapsulate(const Packets& packets, const uint16_t* rows, size_t n, Tunnel& tunnel);

}  // namespace potemkin
