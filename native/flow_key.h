// Which flow a packet is about: its key, and which of the flow's two ends sent it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "columns.h"
#include "protocol.h"

namespace potemkin {

// A flow's key by word. Both directions have the same: its ends are in order of address, then port. Of ICMP
// echo, where a request and its reply have one identifier and no ports, the low end is the one that asks.
inline constexpr uint32_t kFlowKeyWords = 5;
using FlowKey = std::array<uint32_t, kFlowKeyWords>;
enum FlowKeyWord : size_t {
  kLow,
  kHigh,
  kPorts,  // of the low end * 65536 + of the high end; the echo identifier
  kProto,
  kSpace,  // 0 towards the outside, else the universe it stays in
};

// What a packet has to do with flows.
struct Subject {
  // It can belong to a flow; if not, nothing else here means anything.
  static constexpr uint32_t kSome = 1;
  static constexpr uint32_t kFromHigh = 2;  // the end that sent it
  static constexpr uint32_t kOpens = 4;     // it may open a flow: a TCP SYN alone, UDP, an ICMP echo request
  static constexpr uint32_t kError = 8;     // an ICMP error about a packet that went the other way

  FlowKey key;
  // A word, because one that is written by bytes and copied at once makes the processor wait.
  uint32_t traits;

  bool some() const { return (traits & kSome) != 0; }
  bool fromHigh() const { return (traits & kFromHigh) != 0; }
  bool opens() const { return (traits & kOpens) != 0; }
  bool error() const { return (traits & kError) != 0; }
};

// What identifies a packet's flow before ends are put in order, as in the columns of a row.
struct Tuple {
  uint32_t src, dst;
  uint16_t sport, dport;  // ICMP: type * 256 + code, and the echo identifier
  uint8_t proto;
};

inline constexpr uint32_t kEchoReply = 0, kEchoRequest = 8;

// The subject of a row of ICMP. Errors (destination unreachable, source quench, redirect, time exceeded,
// parameter problem: RFC 792) are about the packet they quote, if they are addressed to its sender.
Subject subjectOfIcmp(const Packets& packets, uint32_t row);

// The flow of a tuple, in key space 0: TCP, UDP, and ICMP echo have one.
inline Subject subjectOf(const Tuple& tuple) {
  const bool echo = tuple.proto == kIcmp;
  const uint32_t type = tuple.sport >> 8;
  const bool some =
      tuple.proto == kTcp || tuple.proto == kUdp || (echo && (type == kEchoRequest || type == kEchoReply));
  // One comparison of both, because nobody can foretell how it ends: a branch for each would be a gamble.
  const uint64_t from = uint64_t{tuple.src} << 16 | tuple.sport, to = uint64_t{tuple.dst} << 16 | tuple.dport;
  const bool fromHigh = echo ? type == kEchoReply : from > to;
  const uint64_t swap = (from ^ to) & -uint64_t{fromHigh};
  const uint64_t low = from ^ swap, high = to ^ swap;
  const uint32_t ports = static_cast<uint32_t>(low & 0xffff) << 16 | static_cast<uint32_t>(high & 0xffff);
  return {{static_cast<uint32_t>(low >> 16), static_cast<uint32_t>(high >> 16), echo ? tuple.dport : ports,
           tuple.proto, 0},
          some * Subject::kSome + fromHigh * Subject::kFromHigh};
}

// The subject of a row that is no later fragment: its parse columns are trusted to be in range, no byte is.
inline Subject subjectOfRow(const Packets& packets, uint32_t row) {
  const Tuple tuple{packets.src()[row], packets.dst()[row], packets.sport()[row], packets.dport()[row],
                    packets.proto()[row]};
  if (tuple.proto == kIcmp) return subjectOfIcmp(packets, row);
  Subject subject = subjectOf(tuple);
  const bool begins = (packets.tcpFlags()[row] & (kSyn | kAck | kRst | kFin)) == kSyn;
  const bool opens = (tuple.proto == kUdp) | ((tuple.proto == kTcp) & begins);
  subject.traits += opens * Subject::kOpens;
  return subject;
}

// The identification field of a row's IPv4 header; false if the row has no header.
bool identification(const Packets& packets, uint32_t row, uint16_t& id);

}  // namespace potemkin
