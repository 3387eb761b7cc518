// Which flow a packet is about: its key, and which of the flow's two ends sent it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "columns.h"

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
  FlowKey key;
  bool fromHigh;  // the end that sent it
  bool some;      // it can belong to a flow; if not, nothing else here means anything
  bool opens;     // it may open a flow: a TCP SYN alone, UDP, an ICMP echo request
  bool error;     // an ICMP error about a packet of the flow that went the other way
};

// What identifies a packet's flow before ends are put in order, as in the columns of a row.
struct Tuple {
  uint32_t src, dst;
  uint16_t sport, dport;  // ICMP: type * 256 + code, and the echo identifier
  uint8_t proto;
};

// The flow of a tuple, in key space 0: TCP, UDP, and ICMP echo have one.
Subject subjectOf(const Tuple& tuple);

// The subject of a row that is no later fragment: its parse columns are trusted to be in range, no byte is.
// ICMP errors (destination unreachable, source quench, redirect, time exceeded, parameter problem: RFC 792)
// are about the packet they quote, if they are addressed to its sender.
Subject subjectOfRow(const Packets& packets, uint32_t row);

// The identification field of a row's IPv4 header; false if the row has no header.
bool identification(const Packets& packets, uint32_t row, uint16_t& id);

}  // namespace potemkin
