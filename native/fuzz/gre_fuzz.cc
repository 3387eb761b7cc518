// Any bytes as a tunnel packet: decapsulate. And as an inner packet: what encapsulate puts on, decapsulate
// takes off.
#include <cstring>

#include "checksum.h"
#include "fuzz/input.h"
#include "gre.h"

using namespace potemkin;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static FuzzTable table;
  table.reset();
  const Packets& packets = table.packets;
  const uint32_t flags = data[0];
  const auto bytes = std::span(data, size).subspan(2);

  // As it is, and with the outer checksum made right so that what lies behind it is reached.
  table.put(0, bytes);
  const size_t length = table.put(1, bytes);
  uint8_t* outer = packets.slot(1) + kHeadroom;
  if (length >= 20) {
    store<uint16_t>(outer + 10, 0);
    store(outer + 10, checksumOf(sumBytes(outer, std::min<size_t>(length, (outer[0] & 15u) * 4u))));
  }
  Tunnel tunnel{flags, 0, 0, 1, data[1], 0, 0, 0};
  table.check(2, decapsulate(packets, table.rows, 2, tunnel).faulty);

  table.reset();
  const size_t sent = table.put(0, bytes);
  packets.key()[0] = 0x01020304;
  Tunnel out{flags, 1, 2, 77, 0, 0, 0, data[1]}, back{flags, 2, 1, 77, 0, 0, 0, 0};
  table.check(1, encapsulate(packets, table.rows, 1, out));
  REQUIRE(packets.fault()[0] == 0);
  // Received packets must carry the tunnel's key when kTunnelKey asks for it, even if rows' keys were sent.
  if ((flags & kTunnelRowKey) != 0) back.flags &= ~uint32_t{kTunnelKey};
  table.check(1, decapsulate(packets, table.rows, 1, back).faulty);
  REQUIRE(packets.fault()[0] == 0);
  REQUIRE(packets.length()[0] == sent);
  REQUIRE(sent == 0 || std::memcmp(packets.slot(0) + kHeadroom, bytes.data(), sent) == 0);
  return 0;
}
