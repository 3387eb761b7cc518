#include "translate.h"

#include <span>

#include "checksum.h"
#include "ip.h"
#include "protocol.h"
#include "transport.h"
#include "wire.h"

namespace potemkin {

namespace {

constexpr uint32_t kIpHeader = 20, kIcmpHeader = 8;

// Two addresses to exchange, as they lie in memory.
struct Exchange {
  uint32_t one, other;
  uint32_t of(uint32_t address) const { return address == one ? other : address == other ? one : address; }
};

// The addresses of an IPv4 header, and what is to stand there.
class Addresses {
 public:
  Addresses(uint8_t* ip, const Exchange& exchange)
      : ip_(ip), src_(load<uint32_t>(ip + 12)), dst_(load<uint32_t>(ip + 16)) {
    newSrc_ = exchange.of(src_);
    newDst_ = exchange.of(dst_);
    change_.word(src_, newSrc_);
    change_.word(dst_, newDst_);
  }

  bool moved() const { return src_ != newSrc_ || dst_ != newDst_; }
  const Change& change() const { return change_; }

  // Writes them, and the checksum of the header. Adds all that changes to `around`, the change of what lies
  // under a checksum further out.
  void write(Change& around) {
    const auto checksum = load<uint16_t>(ip_ + 10);
    const uint16_t updated = change_.updated(checksum);
    around.word(checksum, updated);
    around.word(src_, newSrc_);
    around.word(dst_, newDst_);
    store(ip_ + 10, updated);
    store(ip_ + 12, newSrc_);
    store(ip_ + 16, newDst_);
  }

 private:
  uint8_t* ip_;
  uint32_t src_, dst_, newSrc_, newDst_;
  Change change_;
};

// Where the checksum of a transport lies that covers addresses; 0 if there is none.
constexpr uint32_t checksumUnderAddresses(uint8_t proto) {
  return proto == kTcp ? 16 : proto == kUdp ? 6 : 0;
}

// Updates the checksum of TCP or UDP by a change of addresses. A UDP checksum of 0 means none, and stays.
void updateTransport(uint8_t* at, uint8_t proto, const Change& addresses, Change& around) {
  const auto checksum = load<uint16_t>(at);
  if (proto == kUdp && checksum == 0) return;
  uint16_t updated = addresses.updated(checksum);
  if (proto == kUdp && updated == 0) updated = 0xffff;
  around.word(checksum, updated);
  store(at, updated);
}

// Translates the packet that an ICMP error quotes, as far as it is there. A quotation is never whole, so its
// lengths are not held against it.
void translateQuoted(std::span<uint8_t> quoted, const Exchange& exchange, Change& around) {
  if (quoted.size() < kIpHeader || quoted[0] >> 4 != 4) return;
  Addresses addresses(quoted.data(), exchange);
  if (!addresses.moved()) return;
  const uint32_t header = (quoted[0] & 15u) * 4, at = checksumUnderAddresses(quoted[9]);
  if (at != 0 && header >= kIpHeader && quoted.size() >= header + at + 2 &&
      partOf(quoted.data()) != Part::kLater)
    updateTransport(quoted.data() + header + at, quoted[9], addresses.change(), around);
  addresses.write(around);
}

Fault translateRow(const Packets& packets, uint32_t row, const Exchange& exchange) {
  const PacketBytes packet = packetOf(packets, row);
  uint8_t* data = packet.data;
  IpHeader ip;
  if (const Fault fault = readLengths(data, packet.length, ip); fault != Fault::kNone) return fault;
  Addresses addresses(data, exchange);
  Change around;
  if (partOf(data) != Part::kLater) {
    const uint8_t proto = data[9];
    const std::span<uint8_t> body(data + ip.header, ip.total - ip.header);
    const uint32_t at = checksumUnderAddresses(proto);
    if (at != 0 && addresses.moved()) {
      if (body.size() < at + 2) return Fault::kTransportTruncated;
      updateTransport(body.data() + at, proto, addresses.change(), around);
    } else if (proto == kIcmp && body.size() > kIcmpHeader && isIcmpError(body[0])) {
      Change quoted;
      translateQuoted(body.subspan(kIcmpHeader), exchange, quoted);
      store(body.data() + 2, quoted.updated(load<uint16_t>(body.data() + 2)));
    }
  }
  if (addresses.moved()) addresses.write(around);
  return Fault::kNone;
}

}  // namespace

uint32_t translateIp(const Packets& packets, const uint16_t* rows, size_t n, const uint32_t* ones,
                     const uint32_t* others) {
  uint32_t faulty = 0;
  for (size_t i = 0; i < n; i++) {
    prefetchHeaders(packets, rows, n, i);
    faulty += judge(packets, rows[i], translateRow(packets, rows[i], {network(ones[i]), network(others[i])}));
  }
  return faulty;
}

}  // namespace potemkin
