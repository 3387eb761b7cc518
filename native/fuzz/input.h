// What the fuzz targets share: the input read in order, a packet table, and invariants that abort when they
// do not hold.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "columns.h"
#include "wire.h"

namespace potemkin {

#define REQUIRE(condition)                                                 \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                        \
    }                                                                      \
  } while (false)

// The bytes of an input, one after the other; zeros behind its end.
class Input {
 public:
  explicit Input(std::span<const uint8_t> bytes) : left_(bytes) {}
  bool empty() const { return left_.empty(); }
  uint8_t byte() { return take<uint8_t>(); }
  template <typename T>
  T take() {
    T value{};
    const auto taken = bytes(sizeof value);
    std::copy(taken.begin(), taken.end(), reinterpret_cast<uint8_t*>(&value));
    return value;
  }
  std::span<const uint8_t> bytes(size_t n) {
    const auto taken = left_.first(std::min(n, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const uint8_t> left_;
};

// One table for all runs: clearing 2 MB for each would be most of the time. AddressSanitizer does not see an
// access that stays in the table, so the slots of rows that are not in use hold a pattern that must not
// change.
class FuzzTable {
 public:
  static constexpr uint32_t kUsed = 16;

  FuzzTable()
      : memory_(static_cast<uint8_t*>(std::aligned_alloc(64, kTableBytes)), std::free),
        packets{memory_.get()} {
    reset();
  }

  void reset() {
    std::fill_n(memory_.get(), kSlotsAt, uint8_t{0});
    std::fill_n(packets.slot(0), size_t{kUsed + 1} * kSlot, kPattern);
    packets.clear(0, kRows);
    std::iota(rows, rows + kUsed, uint16_t{0});
  }

  // Puts bytes into a row; returns how many fitted.
  size_t put(uint32_t row, std::span<const uint8_t> bytes) {
    const size_t length = std::min<size_t>(bytes.size(), kMaxPacket);
    std::copy_n(bytes.data(), length, packets.slot(row) + kHeadroom);
    packets.length()[row] = static_cast<uint32_t>(length);
    return length;
  }

  // All rows lie in their slots, faults are ones that exist, and their number is what was returned.
  void check(uint32_t n, uint32_t faulty) const {
    uint32_t found = 0;
    for (uint32_t row = 0; row < n; row++) {
      const uint32_t at = packets.start()[row] - (kSlotsAt + row * kSlot);
      REQUIRE(at <= kSlot && packets.length()[row] <= kSlot - at);
      REQUIRE(packets.fault()[row] <= static_cast<uint8_t>(Fault::kGrePeer));
      found += packets.fault()[row] != 0;
    }
    REQUIRE(found == faulty);
    const uint8_t* behind = packets.slot(kUsed);
    REQUIRE(std::all_of(behind, behind + kSlot, [](uint8_t byte) { return byte == kPattern; }));
  }

 private:
  static constexpr uint8_t kPattern = 0xa5;
  std::unique_ptr<uint8_t, decltype(&std::free)> memory_;

 public:
  const Packets packets;
  uint16_t rows[kUsed];
};

// The one table of a target, as it is before a run.
inline const Packets& freshPackets() {
  static FuzzTable table;
  table.reset();
  return table.packets;
}

// A list has fewer rows than this, which is more than are worked on together (kStaged in table.h).
inline constexpr uint32_t kMostTaken = 90;

// A list of rows that are in use; the same may come again.
inline std::vector<uint16_t> takeRows(Input& input) {
  std::vector<uint16_t> rows(input.byte() % kMostTaken);
  for (uint16_t& row : rows) row = input.byte() % FuzzTable::kUsed;
  return rows;
}

}  // namespace potemkin
