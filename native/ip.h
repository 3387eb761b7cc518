// IPv4 and its transports: verify and parse, rewrite, finish. Batches of rows of a packet table; every row is
// below kRows. What start and length say is checked against the row's slot.
#pragma once

#include <cstddef>

#include "wire.h"

namespace potemkin {

// Flags of checkIp.
inline constexpr uint32_t kCheckTransport = 1;

// What an IPv4 header says about its packet, once it was found sound.
struct IpHeader {
  uint32_t header;  // bytes of the header, 20 to 60
  uint32_t total;   // bytes of the packet, at least header
};

// Reads version and lengths of an IPv4 header: what may be believed before its checksum was looked at. It
// reads no more than length bytes.
Fault readLengths(const uint8_t* data, uint32_t length, IpHeader& found);

// Which part of a datagram a packet is: the values of the column `fragment`. 20 bytes are read.
enum class Part : uint8_t { kWhole, kFirst, kLater };
Part partOf(const uint8_t* data);

// Verifies an IPv4 header: version, lengths, checksum, options (RFC 791, RFC 1122 3.2.1). It reads no more
// than length bytes.
Fault readIp(const uint8_t* data, uint32_t length, IpHeader& found);

// Whether the options of an IPv4 header are well-formed, given the bytes after the first 20.
bool soundOptions(const uint8_t* options, uint32_t length);

// Verifies the packets and writes length (trimmed to the total length), src, dst, proto, ipHeader, fragment,
// sport, dport, tcpFlags, payload and fault. Of a faulty row only length and fault are good. With
// kCheckTransport also TCP, UDP and ICMP: header lengths and, where the datagram is whole, checksums. A first
// fragment needs only its ports and TCP flags; without the check, flags that lie beyond it are 0.
Judged checkIp(const Packets& packets, const uint16_t* rows, size_t n, uint32_t flags);

// Makes the packets say what the columns src, dst, sport and dport say, and updates all checksums by the
// difference (RFC 1624). An ICMP message gets type and code from sport and, if it has one, its identifier
// from dport. A later fragment has no ports; its datagram's checksum lies in the first one. The packet in an
// ICMP error stays as it is. Writes fault: transport-truncated where a checksum that must change lies beyond
// the packet, which happens to first fragments. Returns how many rows are faulty; those were not changed.
uint32_t rewriteIp(const Packets& packets, const uint16_t* rows, size_t n);

// Computes all checksums of packets that were built by hand: IPv4, and TCP, UDP or ICMP of whole datagrams.
// Lengths are taken from the headers, and verified. Writes fault; returns how many rows are faulty.
uint32_t finishIp(const Packets& packets, const uint16_t* rows, size_t n);

}  // namespace potemkin
