#include "flow_key.h"

#include <span>

#include "wire.h"

namespace potemkin {

namespace {

constexpr uint32_t kIpHeader = 20, kIcmpHeader = 8, kQuoted = 8;

// The packet that an ICMP error quotes: an IPv4 header and at least 8 bytes (RFC 792), which is as far as the
// ports and the echo identifier go.
bool quotedBy(std::span<const uint8_t> packet, size_t ipHeader, Tuple& tuple) {
  const size_t at = ipHeader + kIcmpHeader;
  if (packet.size() < at + kIpHeader + kQuoted) return false;
  const auto quoted = packet.subspan(at);
  const size_t header = (quoted[0] & 15u) * 4;
  if (quoted[0] >> 4 != 4 || header < kIpHeader || quoted.size() < header + kQuoted) return false;
  // Of a later fragment what follows is no transport header.
  if ((get16(&quoted[6]) & 0x1fff) != 0) return false;
  tuple.src = get32(&quoted[12]);
  tuple.dst = get32(&quoted[16]);
  tuple.proto = quoted[9];
  tuple.sport = get16(&quoted[header]);
  tuple.dport = get16(&quoted[header + (tuple.proto == kIcmp ? 4 : 2)]);
  return true;
}

// The subject of an ICMP error that came to an address.
Subject subjectOfError(const Packets& packets, uint32_t row, uint32_t dst) {
  Tuple quoted;
  if (!quotedBy(bytesOf(packets, row), packets.ipHeader()[row], quoted) || quoted.src != dst) return {};
  Subject subject = subjectOf(quoted);
  subject.traits = (subject.traits ^ Subject::kFromHigh) | Subject::kError;
  return subject;
}

}  // namespace

Subject subjectOfIcmp(const Packets& packets, uint32_t row) {
  const Tuple tuple{packets.src()[row], packets.dst()[row], packets.sport()[row], packets.dport()[row],
                    kIcmp};
  const uint32_t type = tuple.sport >> 8;
  if (isIcmpError(static_cast<uint8_t>(type))) return subjectOfError(packets, row, tuple.dst);
  Subject subject = subjectOf(tuple);
  if (type == kEchoRequest) subject.traits |= Subject::kOpens;
  return subject;
}

bool identification(const Packets& packets, uint32_t row, uint16_t& id) {
  const std::span<const uint8_t> packet = bytesOf(packets, row);
  if (packet.size() < kIpHeader) return false;
  id = get16(&packet[4]);
  return true;
}

}  // namespace potemkin
