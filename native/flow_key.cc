#include "flow_key.h"

#include <span>

#include "protocol.h"
#include "wire.h"

namespace potemkin {

namespace {

constexpr uint16_t kEchoReply = 0, kEchoRequest = 8;
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

}  // namespace

Subject subjectOf(const Tuple& tuple) {
  Subject subject{};
  FlowKey& key = subject.key;
  key[kProto] = tuple.proto;
  if (tuple.proto == kTcp || tuple.proto == kUdp) {
    subject.some = true;
    subject.fromHigh = tuple.src != tuple.dst ? tuple.src > tuple.dst : tuple.sport > tuple.dport;
    key[kPorts] = subject.fromHigh ? uint32_t{tuple.dport} << 16 | tuple.sport
                                   : uint32_t{tuple.sport} << 16 | tuple.dport;
  } else if (tuple.proto == kIcmp) {
    const uint16_t type = tuple.sport >> 8;
    subject.some = type == kEchoRequest || type == kEchoReply;
    subject.fromHigh = type == kEchoReply;
    key[kPorts] = tuple.dport;
  }
  key[kLow] = subject.fromHigh ? tuple.dst : tuple.src;
  key[kHigh] = subject.fromHigh ? tuple.src : tuple.dst;
  return subject;
}

Subject subjectOfRow(const Packets& packets, uint32_t row) {
  const Tuple tuple{packets.src()[row], packets.dst()[row], packets.sport()[row], packets.dport()[row],
                    packets.proto()[row]};
  if (tuple.proto == kIcmp && isIcmpError(static_cast<uint8_t>(tuple.sport >> 8))) {
    Tuple quoted;
    if (!quotedBy(bytesOf(packets, row), packets.ipHeader()[row], quoted) || quoted.src != tuple.dst)
      return {};
    Subject subject = subjectOf(quoted);
    subject.fromHigh = !subject.fromHigh;
    subject.error = true;
    return subject;
  }
  Subject subject = subjectOf(tuple);
  subject.opens = tuple.proto == kUdp || (tuple.proto == kIcmp && tuple.sport >> 8 == kEchoRequest) ||
                  (tuple.proto == kTcp && (packets.tcpFlags()[row] & (kSyn | kAck | kRst | kFin)) == kSyn);
  return subject;
}

bool identification(const Packets& packets, uint32_t row, uint16_t& id) {
  const std::span<const uint8_t> packet = bytesOf(packets, row);
  if (packet.size() < kIpHeader) return false;
  id = get16(&packet[4]);
  return true;
}

}  // namespace potemkin
