#include "transport.h"

#include <algorithm>

#include "protocol.h"

namespace potemkin {

namespace {

// Bytes of the fixed part of each header, and where its checksum lies. 0 for protocols that are not looked
// into.
constexpr uint32_t headerOf(uint8_t proto) {
  return proto == kTcp ? 20 : proto == kUdp || proto == kIcmp ? 8 : 0;
}
// What lies before the end of a TCP header's flags decides about a segment (RFC 1858 3).
constexpr uint32_t kTcpFlagsEnd = 16;
constexpr uint32_t checksumAt(uint8_t proto) {
  return proto == kTcp ? 16 : proto == kUdp ? 6 : 2;
}

// Verifies the lengths of a whole datagram; covered becomes the bytes under its checksum.
Fault checkLengths(uint8_t proto, const uint8_t* body, uint32_t bytes, uint32_t& covered) {
  if (bytes < headerOf(proto)) return Fault::kTransportTruncated;
  covered = bytes;
  if (proto == kTcp) {
    const uint32_t header = (body[12] >> 4) * 4u;
    if (header < 20 || header > bytes) return Fault::kTcpHeaderLength;
  } else if (proto == kUdp) {
    // Bytes after the end of the UDP datagram are padding, and not under its checksum.
    covered = get16(body + 4);
    if (covered < 8 || covered > bytes) return Fault::kUdpLength;
  }
  return Fault::kNone;
}

uint64_t sumTransport(const uint8_t* ip, uint8_t proto, const uint8_t* body, uint32_t covered) {
  return sumBytes(body, covered, proto == kIcmp ? 0 : sumPseudoHeader(ip, proto, covered));
}

}  // namespace

Transport readTransport(uint8_t proto, const uint8_t* body, uint32_t bytes) {
  Transport found{};
  if (headerOf(proto) == 0) return found;
  found.header = std::min(bytes, headerOf(proto));
  if (proto == kIcmp) {
    if (bytes >= 2) found.sport = get16(body);
    if (bytes >= 6 && hasIdentifier(body[0])) found.dport = get16(body + 4);
    return found;
  }
  if (bytes >= 4) {
    found.sport = get16(body);
    found.dport = get16(body + 2);
  }
  if (proto == kTcp && bytes >= 14) {
    found.tcpFlags = body[13];
    found.header = std::min(bytes, std::max(20u, (body[12] >> 4) * 4u));
  }
  return found;
}

Fault checkTransport(const uint8_t* ip, uint8_t proto, const uint8_t* body, uint32_t bytes) {
  if (headerOf(proto) == 0) return Fault::kNone;
  uint32_t covered;
  if (const Fault fault = checkLengths(proto, body, bytes, covered); fault != Fault::kNone) return fault;
  if (proto == kUdp && load<uint16_t>(body + 6) == 0) return Fault::kNone;
  return fold(sumTransport(ip, proto, body, covered)) == kSound ? Fault::kNone : Fault::kTransportChecksum;
}

Fault checkFirstFragment(uint8_t proto, uint32_t bytes) {
  const uint32_t needed = proto == kTcp ? kTcpFlagsEnd : std::min(8u, headerOf(proto));
  return bytes < needed ? Fault::kTransportTruncated : Fault::kNone;
}

Fault rewriteTransport(uint8_t proto, uint8_t* body, uint32_t bytes, uint16_t sport, uint16_t dport,
                       Change addresses, bool moved) {
  if (headerOf(proto) == 0) return Fault::kNone;
  if (bytes < 8) return Fault::kTransportTruncated;
  // Both words that can change, and where the second one lies.
  const bool icmp = proto == kIcmp;
  const uint32_t second = icmp ? 4 : 2;
  const uint16_t first16 = network(sport);
  const uint16_t second16 =
      icmp && !hasIdentifier(static_cast<uint8_t>(sport >> 8)) ? load<uint16_t>(body + 4) : network(dport);

  Change change = icmp ? Change() : addresses;
  change.word(load<uint16_t>(body), first16);
  change.word(load<uint16_t>(body + second), second16);
  const bool changes =
      (moved && !icmp) || load<uint16_t>(body) != first16 || load<uint16_t>(body + second) != second16;
  const uint32_t at = checksumAt(proto);
  const bool without = proto == kUdp && load<uint16_t>(body + at) == 0;
  if (changes && !without) {
    if (bytes < at + 2) return Fault::kTransportTruncated;
    uint16_t checksum = change.updated(load<uint16_t>(body + at));
    if (proto == kUdp && checksum == 0) checksum = 0xffff;
    store(body + at, checksum);
  }
  store(body, first16);
  store(body + second, second16);
  return Fault::kNone;
}

Fault finishTransport(const uint8_t* ip, uint8_t proto, uint8_t* body, uint32_t bytes) {
  if (headerOf(proto) == 0) return Fault::kNone;
  uint32_t covered;
  if (const Fault fault = checkLengths(proto, body, bytes, covered); fault != Fault::kNone) return fault;
  uint8_t* at = body + checksumAt(proto);
  store<uint16_t>(at, 0);
  uint16_t checksum = checksumOf(sumTransport(ip, proto, body, covered));
  if (proto == kUdp && checksum == 0) checksum = 0xffff;
  store(at, checksum);
  return Fault::kNone;
}

}  // namespace potemkin
