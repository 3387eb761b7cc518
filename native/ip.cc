#include "ip.h"

#include <algorithm>

#include "checksum.h"
#include "protocol.h"
#include "transport.h"
#include "wire.h"

namespace potemkin {

namespace {

constexpr uint16_t kMoreFragments = 0x2000, kFragmentOffset = 0x1fff;

// The rules of RFC 791 3.2 that one fragment can break by itself. What overlaps TCP flags could turn an
// answer that was let pass into a SYN, which no sender has a use for (RFC 1858 3, RFC 3128).
bool soundFragment(const uint8_t* data, const IpHeader& ip) {
  const uint16_t word = get16(data + 6);
  const uint32_t bytes = ip.total - ip.header, offset = (word & kFragmentOffset) * 8u;
  if ((word & kMoreFragments) != 0 && bytes % 8 != 0) return false;
  if (data[9] == kTcp && offset == 8) return false;
  return ip.header + offset + bytes <= 0xffff;
}

// Any packet at all.
[[gnu::noinline]] Fault checkAny(const Packets& packets, uint32_t row, const PacketBytes& packet,
                                 uint32_t flags) {
  const uint8_t* data = packet.data;
  IpHeader ip;
  if (const Fault fault = readIp(data, packet.length, ip); fault != Fault::kNone) return fault;
  packets.length()[row] = ip.total;
  const Part part = partOf(data);
  if (part != Part::kWhole && !soundFragment(data, ip)) return Fault::kIpFragment;

  const uint8_t proto = data[9];
  const uint8_t* body = data + ip.header;
  const uint32_t bytes = ip.total - ip.header;
  Transport transport{};
  if (part != Part::kLater) {
    transport = readTransport(proto, body, bytes);
    if ((flags & kCheckTransport) != 0) {
      const Fault fault =
          part == Part::kWhole ? checkTransport(data, proto, body, bytes) : checkFirstFragment(proto, bytes);
      if (fault != Fault::kNone) return fault;
    }
  }
  packets.src()[row] = get32(data + 12);
  packets.dst()[row] = get32(data + 16);
  packets.proto()[row] = proto;
  packets.ipHeader()[row] = static_cast<uint8_t>(ip.header);
  packets.fragment()[row] = static_cast<uint8_t>(part);
  packets.sport()[row] = transport.sport;
  packets.dport()[row] = transport.dport;
  packets.tcpFlags()[row] = transport.tcpFlags;
  packets.payload()[row] = static_cast<uint16_t>(ip.header + transport.header);
  return Fault::kNone;
}

// What nearly all packets are: whole, sound, TCP, UDP or ICMP, and without options of IPv4. False says
// nothing about the packet.
bool checkPlain(const Packets& packets, uint32_t row, const PacketBytes& packet, uint32_t flags) {
  constexpr uint32_t kHeader = 20, kLeast = 8;
  const uint8_t* data = packet.data;
  if (packet.length < kHeader + kLeast) return false;
  const uint32_t total = get16(data + 2);
  if (data[0] != 0x45 || total < kHeader + kLeast || total > packet.length ||
      (load<uint16_t>(data + 6) & network(uint16_t{kMoreFragments | kFragmentOffset})) != 0)
    return false;

  const uint64_t addresses = uint64_t{load<uint32_t>(data + 12)} + load<uint32_t>(data + 16);
  const uint64_t header =
      addresses + load<uint32_t>(data) + load<uint32_t>(data + 4) + load<uint32_t>(data + 8);
  if (fold(header) != kSound) return false;
  const uint8_t proto = data[9];
  const uint8_t* body = data + kHeader;
  const uint32_t bytes = total - kHeader;
  uint32_t sport = get16(body), dport = get16(body + 2), transport = kLeast;
  uint8_t tcpFlags = 0;
  uint64_t sum = addresses + network(static_cast<uint16_t>(proto)) + network(static_cast<uint16_t>(bytes));
  if (proto == kTcp) {
    if (bytes < 20) return false;
    transport = (body[12] >> 4) * 4u;
    if (transport < 20 || transport > bytes) return false;
    tcpFlags = body[13];
  } else if (proto == kUdp) {
    if (get16(body + 4) != bytes || load<uint16_t>(body + 6) == 0) return false;
  } else if (proto == kIcmp) {
    dport = hasIdentifier(body[0]) ? get16(body + 4) : 0;
    sum = 0;
  } else {
    return false;
  }
  if ((flags & kCheckTransport) != 0 && fold(sumBytes(body, bytes, sum)) != kSound) return false;

  packets.length()[row] = total;
  packets.src()[row] = get32(data + 12);
  packets.dst()[row] = get32(data + 16);
  packets.sport()[row] = static_cast<uint16_t>(sport);
  packets.dport()[row] = static_cast<uint16_t>(dport);
  packets.payload()[row] = static_cast<uint16_t>(kHeader + transport);
  packets.proto()[row] = proto;
  packets.tcpFlags()[row] = tcpFlags;
  packets.ipHeader()[row] = kHeader;
  packets.fragment()[row] = static_cast<uint8_t>(Part::kWhole);
  return true;
}

Fault checkRow(const Packets& packets, uint32_t row, uint32_t flags) {
  const PacketBytes packet = packetOf(packets, row);
  if (checkPlain(packets, row, packet, flags)) [[likely]]
    return Fault::kNone;
  return checkAny(packets, row, packet, flags);
}

Fault rewriteRow(const Packets& packets, uint32_t row) {
  const PacketBytes packet = packetOf(packets, row);
  uint8_t* data = packet.data;
  IpHeader ip;
  if (const Fault fault = readLengths(data, packet.length, ip); fault != Fault::kNone) return fault;

  Change addresses;
  const uint32_t src = network(packets.src()[row]), dst = network(packets.dst()[row]);
  addresses.word(load<uint32_t>(data + 12), src);
  addresses.word(load<uint32_t>(data + 16), dst);
  if (partOf(data) != Part::kLater) {
    const bool moved = src != load<uint32_t>(data + 12) || dst != load<uint32_t>(data + 16);
    const Fault fault = rewriteTransport(data[9], data + ip.header, ip.total - ip.header,
                                         packets.sport()[row], packets.dport()[row], addresses, moved);
    if (fault != Fault::kNone) return fault;
  }
  store(data + 10, addresses.updated(load<uint16_t>(data + 10)));
  store(data + 12, src);
  store(data + 16, dst);
  return Fault::kNone;
}

Fault finishRow(const Packets& packets, uint32_t row) {
  const PacketBytes packet = packetOf(packets, row);
  uint8_t* data = packet.data;
  IpHeader ip;
  if (const Fault fault = readLengths(data, packet.length, ip); fault != Fault::kNone) return fault;
  if (partOf(data) == Part::kWhole) {
    const Fault fault = finishTransport(data, data[9], data + ip.header, ip.total - ip.header);
    if (fault != Fault::kNone) return fault;
  }
  store<uint16_t>(data + 10, 0);
  store(data + 10, checksumOf(sumBytes(data, ip.header)));
  return Fault::kNone;
}

}  // namespace

Fault readLengths(const uint8_t* data, uint32_t length, IpHeader& found) {
  if (length < 20) return Fault::kIpTruncated;
  if (data[0] >> 4 != 4) return Fault::kIpVersion;
  found.header = (data[0] & 15u) * 4;
  if (found.header < 20 || found.header > length) return Fault::kIpHeaderLength;
  found.total = get16(data + 2);
  if (found.total < found.header || found.total > length) return Fault::kIpTotalLength;
  return Fault::kNone;
}

Part partOf(const uint8_t* data) {
  const uint16_t word = get16(data + 6);
  if ((word & kFragmentOffset) != 0) return Part::kLater;
  return (word & kMoreFragments) != 0 ? Part::kFirst : Part::kWhole;
}

bool soundOptions(const uint8_t* options, uint32_t length) {
  for (uint32_t at = 0; at < length;) {
    const uint8_t type = options[at];
    if (type == 0) return true;  // end of the list
    if (type == 1) {             // no operation
      at++;
      continue;
    }
    if (length - at < 2) return false;
    const uint32_t bytes = options[at + 1];
    if (bytes < 2 || bytes > length - at) return false;
    switch (type) {
      case 7:    // record route
      case 131:  // loose source route
      case 137:  // strict source route
        if (bytes < 3 || options[at + 2] < 4) return false;
        break;
      case 68:  // timestamp
        if (bytes < 4 || options[at + 2] < 5) return false;
        break;
      case 130:  // security (RFC 1108)
        if (bytes < 3) return false;
        break;
      case 136:  // stream identifier
      case 148:  // router alert (RFC 2113)
        if (bytes != 4) return false;
        break;
      default:
        break;
    }
    at += bytes;
  }
  return true;
}

Fault readIp(const uint8_t* data, uint32_t length, IpHeader& found) {
  if (const Fault fault = readLengths(data, length, found); fault != Fault::kNone) return fault;
  if (found.header == 20) [[likely]]
    return fold(sumHeader(data)) == kSound ? Fault::kNone : Fault::kIpChecksum;
  if (fold(sumBytes(data, found.header)) != kSound) return Fault::kIpChecksum;
  return soundOptions(data + 20, found.header - 20) ? Fault::kNone : Fault::kIpOptions;
}

Judged checkIp(const Packets& table, const uint16_t* rows, size_t n, uint32_t flags) {
  // A copy: for all that the compiler knows, what is written of a packet could change the table's.
  const Packets packets = table;
  Judged all;
  for (size_t i = 0; i < n; i++) {
    prefetchHeaders(packets, rows, n, i);
    all.faulty += judge(packets, rows[i], checkRow(packets, rows[i], flags));
    all.bytes += packets.length()[rows[i]];
  }
  return all;
}

uint32_t rewriteIp(const Packets& packets, const uint16_t* rows, size_t n) {
  uint32_t faulty = 0;
  for (size_t i = 0; i < n; i++) {
    prefetchHeaders(packets, rows, n, i);
    faulty += judge(packets, rows[i], rewriteRow(packets, rows[i]));
  }
  return faulty;
}

uint32_t finishIp(const Packets& packets, const uint16_t* rows, size_t n) {
  uint32_t faulty = 0;
  for (size_t i = 0; i < n; i++) {
    prefetchHeaders(packets, rows, n, i);
    faulty += judge(packets, rows[i], finishRow(packets, rows[i]));
  }
  return faulty;
}

}  // namespace potemkin
