// Any bytes as a frame of a receive ring: what the kernel says about offsets and checksums may be wrong.
#include <cstring>

#include "fuzz/input.h"
#include "ringframe.h"

using namespace potemkin;

namespace {

struct Said {
  uint16_t mac, net, captured, length;
};

// A number that may be anything, but mostly is one that occurs.
uint32_t stretched(uint16_t said) {
  return (said & 0xf000) == 0xf000 ? uint32_t{said} << 16 | said : said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < sizeof(Said)) return 0;
  const auto said = load<Said>(data);
  // A copy of exactly this size, so that a read beyond it is seen.
  const size_t room = size - sizeof(Said);
  const std::unique_ptr<uint8_t[]> frame(new uint8_t[room]);
  std::copy_n(data + sizeof(Said), room, frame.get());
  static FuzzTable table;
  table.reset();
  const Packets& packets = table.packets;
  const uint32_t row = FuzzTable::kUsed - 1;
  const uint32_t net = stretched(said.net), length = stretched(said.length);
  PutFrame(packets, row,
           {frame.get(), room, 1, 2, stretched(said.captured), length, stretched(said.mac), net});
  table.check(row + 1, packets.fault()[row] != 0);
  const auto fault = static_cast<Fault>(packets.fault()[row]);
  const uint32_t held = packets.length()[row];
  if (fault == Fault::kLinkTruncated) REQUIRE(held == 0);
  if (held == 0) return 0;
  REQUIRE(net + held <= room);
  // A completed checksum is all that may have changed.
  const uint8_t* packet = packets.slot(row) + kHeadroom;
  size_t changed = 0, first = held, last = 0;
  for (size_t i = 0; i < held; i++) {
    if (packet[i] == frame[net + i]) continue;
    changed++;
    first = std::min(first, i);
    last = i;
  }
  REQUIRE(changed == 0 || (last - first <= 1 && fault == Fault::kNone));
  return 0;
}
