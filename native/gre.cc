#include "gre.h"

#include "checksum.h"
#include "ip.h"
#include "link.h"
#include "protocol.h"
#include "wire.h"

namespace potemkin {

namespace {

constexpr uint16_t kChecksumBit = 0x8000, kRoutingBit = 0x4000, kKeyBit = 0x2000, kSequenceBit = 0x1000;
// Bits 4 and 5 (strict source route and the first of recursion control in RFC 1701), and the version.
constexpr uint16_t kReservedBits = 0x0c00, kVersion = 0x0007;
constexpr uint16_t kIpv4 = 0x0800, kTransparentEthernet = 0x6558;
constexpr uint32_t kOuterHeader = 20, kBaseHeader = 4, kOption = 4;

// What was found in front of the inner packet.
struct Inside {
  uint32_t at;   // bytes from the outer header to the inner packet
  uint32_t key;  // 0 if none
};

bool fromPeer(const uint8_t* outer, const Tunnel& tunnel) {
  return (tunnel.remote == 0 || get32(outer + 12) == tunnel.remote) &&
         (tunnel.local == 0 || get32(outer + 16) == tunnel.local);
}

// Whether a sequence number is that of the last packet or one of the 2^31 - 1 before it.
bool isOld(uint32_t sequence, uint32_t last) {
  return last - sequence <= 0x7fffffff;
}

Fault readEthernet(const uint8_t* gre, uint32_t length, uint32_t& header) {
  const Stripped link = strip(kLinkEthernet, gre + header, length - header);
  if (link.fault != Fault::kNone) return Fault::kGreProtocol;
  header += link.offset;
  return Fault::kNone;
}

// Reads the GRE header, its options and what they demand.
Fault readGre(const uint8_t* gre, uint32_t length, Tunnel& tunnel, Inside& inside) {
  if (length < kBaseHeader) return Fault::kGreTruncated;
  const uint16_t flags = get16(gre);
  if ((flags & kVersion) == 1) return Fault::kGrePptp;
  if ((flags & kVersion) != 0) return Fault::kGreVersion;
  if ((flags & kRoutingBit) != 0) return Fault::kGreRouting;
  if ((flags & kReservedBits) != 0) return Fault::kGreReserved;

  uint32_t header = kBaseHeader, key = 0, sequence = 0;
  // Each option is read only after the whole header was found to be there.
  const uint32_t options =
      ((flags & kChecksumBit) != 0) + ((flags & kKeyBit) != 0) + ((flags & kSequenceBit) != 0);
  if (length < kBaseHeader + options * kOption) return Fault::kGreTruncated;
  if ((flags & kChecksumBit) != 0) {
    if (fold(sumBytes(gre, length)) != kSound) return Fault::kGreChecksum;
    header += kOption;
  }
  if ((flags & kKeyBit) != 0) {
    key = get32(gre + header);
    header += kOption;
  }
  if ((flags & kSequenceBit) != 0) {
    sequence = get32(gre + header);
    header += kOption;
  }
  const uint16_t protocol = get16(gre + 2);
  if (protocol != kIpv4) {
    if (protocol != kTransparentEthernet || (tunnel.flags & kTunnelEthernet) == 0) return Fault::kGreProtocol;
    if (const Fault fault = readEthernet(gre, length, header); fault != Fault::kNone) return fault;
  }
  if ((tunnel.flags & kTunnelKey) != 0 && ((flags & kKeyBit) == 0 || key != tunnel.key))
    return Fault::kGreKey;
  if ((flags & kSequenceBit) != 0 && (tunnel.flags & kTunnelOrder) != 0) {
    if (tunnel.seen != 0 && isOld(sequence, tunnel.last)) return Fault::kGreSequence;
    tunnel.seen = 1;
    tunnel.last = sequence;
  }
  inside.at += header;
  inside.key = key;
  return Fault::kNone;
}

// Any tunnel packet at all.
[[gnu::noinline]] Fault readTunnel(const PacketBytes& packet, Tunnel& tunnel, IpHeader& outer,
                                   Inside& inside) {
  const uint8_t* data = packet.data;
  if (const Fault fault = readIp(data, packet.length, outer); fault != Fault::kNone) return fault;
  if (data[9] != kGre) return Fault::kNotGre;
  if ((get16(data + 6) & 0x3fff) != 0) return Fault::kOuterFragment;
  if (!fromPeer(data, tunnel)) return Fault::kGrePeer;
  inside.at = outer.header;
  return readGre(data + outer.header, outer.total - outer.header, tunnel, inside);
}

// The packet nearly all tunnels send: no options in either header. False says nothing about the packet.
bool readPlain(const PacketBytes& packet, const Tunnel& tunnel, IpHeader& outer, Inside& inside) {
  const uint8_t* data = packet.data;
  constexpr uint32_t kHeaders = kOuterHeader + kBaseHeader;
  if (packet.length < kHeaders) return false;
  outer.total = get16(data + 2);
  inside = {kHeaders, 0};
  return data[0] == 0x45 && data[9] == kGre && load<uint32_t>(data + 20) == network(uint32_t{kIpv4}) &&
         outer.total >= kHeaders && outer.total <= packet.length && (get16(data + 6) & 0x3fff) == 0 &&
         fold(sumHeader(data)) == kSound && fromPeer(data, tunnel) && (tunnel.flags & kTunnelKey) == 0;
}

Fault decapsulateRow(const Packets& packets, uint32_t row, Tunnel& tunnel) {
  const PacketBytes packet = packetOf(packets, row);
  IpHeader outer;
  Inside inside;
  if (!readPlain(packet, tunnel, outer, inside)) {
    const Fault fault = readTunnel(packet, tunnel, outer, inside);
    if (fault != Fault::kNone) return fault;
  }
  // inside.at ≤ outer.total ≤ packet.length, so the row stays within its slot.
  packets.start()[row] += inside.at;
  packets.length()[row] = outer.total - inside.at;
  packets.key()[row] = inside.key;
  packets.tunnel()[row] = static_cast<uint8_t>(tunnel.number + 1);
  return Fault::kNone;
}

uint16_t greFlags(const Tunnel& tunnel) {
  uint16_t flags = 0;
  if ((tunnel.flags & kTunnelChecksum) != 0) flags |= kChecksumBit;
  if ((tunnel.flags & (kTunnelKey | kTunnelRowKey)) != 0) flags |= kKeyBit;
  if ((tunnel.flags & kTunnelSequence) != 0) flags |= kSequenceBit;
  return flags;
}

uint32_t greHeader(uint16_t flags) {
  return kBaseHeader +
         kOption * (((flags & kChecksumBit) != 0) + ((flags & kKeyBit) != 0) + ((flags & kSequenceBit) != 0));
}

void writeGre(uint8_t* gre, uint32_t length, uint16_t flags, uint32_t key, uint32_t sequence) {
  put16(gre, flags);
  put16(gre + 2, kIpv4);
  uint8_t* option = gre + kBaseHeader;
  if ((flags & kChecksumBit) != 0) {
    put32(option, 0);
    option += kOption;
  }
  if ((flags & kKeyBit) != 0) {
    put32(option, key);
    option += kOption;
  }
  if ((flags & kSequenceBit) != 0) put32(option, sequence);
  if ((flags & kChecksumBit) != 0) store(gre + kBaseHeader, checksumOf(sumBytes(gre, length)));
}

void writeOuter(uint8_t* outer, uint32_t length, const Tunnel& tunnel) {
  put32(outer, 0x45000000 | length);
  put32(outer + 4, 0x00004000);  // identification 0, do not fragment
  put32(outer + 8, 64u << 24 | uint32_t{kGre} << 16);
  put32(outer + 12, tunnel.local);
  put32(outer + 16, tunnel.remote);
  store(outer + 10, checksumOf(sumHeader(outer)));
}

void describeOuter(const Packets& packets, uint32_t row, const Tunnel& tunnel) {
  packets.src()[row] = tunnel.local;
  packets.dst()[row] = tunnel.remote;
  packets.sport()[row] = packets.dport()[row] = 0;
  packets.payload()[row] = kOuterHeader;
  packets.proto()[row] = kGre;
  packets.tcpFlags()[row] = 0;
  packets.ipHeader()[row] = kOuterHeader;
  packets.fragment()[row] = 0;
}

Fault encapsulateRow(const Packets& packets, uint32_t row, Tunnel& tunnel, uint16_t flags, uint32_t header) {
  const PacketBytes inner = packetOf(packets, row);
  if (inner.headroom < header) return Fault::kOversize;
  // SAFETY: header ≤ headroom, the bytes of the row's slot before data; the sum is at most kSlot.
  uint8_t* outer = inner.data - header;
  const uint32_t length = header + inner.length;
  const uint32_t key = (tunnel.flags & kTunnelRowKey) != 0 ? packets.key()[row] : tunnel.key;
  const uint32_t sequence = (flags & kSequenceBit) != 0 ? tunnel.next++ : 0;
  writeGre(outer + kOuterHeader, length - kOuterHeader, flags, key, sequence);
  writeOuter(outer, length, tunnel);
  packets.start()[row] -= header;
  packets.length()[row] = length;
  describeOuter(packets, row, tunnel);
  return Fault::kNone;
}

}  // namespace

Judged decapsulate(const Packets& table, const uint16_t* rows, size_t n, Tunnel& tunnel) {
  // A copy: for all that the compiler knows, what is written of a packet could change the table's.
  const Packets packets = table;
  Judged all;
  for (size_t i = 0; i < n; i++) {
    prefetchHeaders(packets, rows, n, i);
    all.faulty += judge(packets, rows[i], decapsulateRow(packets, rows[i], tunnel));
    all.bytes += packets.length()[rows[i]];
  }
  return all;
}

uint32_t encapsulate(const Packets& packets, const uint16_t* rows, size_t n, Tunnel& tunnel) {
  const uint16_t flags = greFlags(tunnel);
  const uint32_t header = kOuterHeader + greHeader(flags);
  uint32_t faulty = 0;
  for (size_t i = 0; i < n; i++) {
    prefetchHeaders(packets, rows, n, i);
    faulty += judge(packets, rows[i], encapsulateRow(packets, rows[i], tunnel, flags, header));
  }
  return faulty;
}

}  // namespace potemkin
