// Counts packets and bytes for the quotas of export policy, a batch at a time.
//
// The memory is that of src/farm/policy/tallies.ts, borrowed for the length of a call: of each level (clone,
// universe, destination, farm), for each key a row of `width` numbers, of which each meter has two: when its
// window ends, and how much was counted in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "columns.h"

namespace potemkin {

struct TallyMeter {
  uint32_t column;  // of the first of its two numbers; at most width - 2
  bool bytes;       // it counts bytes, else packets
  double seconds;   // that a window lasts
  double most;      // that a window may hold
};

// A number of a row and the rest of its two.
inline constexpr uint32_t kTallyPair = 2;

// One level at which packets are counted.
struct TallyLevel {
  const int32_t* slots;  // for each row of the batch, which row of `values` is its key's
  std::span<double> values;
  uint32_t width;
  std::span<const TallyMeter> meters;
};

// As many as src/farm/policy/limits.ts knows.
inline constexpr size_t kTallyLevels = 4;

// Counts the packets in `rows`, one after the other, each if all meters of all levels have room for it. Where
// a slot is negative, or the values do not reach so far, there is no room. paid[row] becomes 1 if the packet
// was counted, else 0.
void tally(const Packets& packets, std::span<const uint16_t> rows, double now,
           std::span<const TallyLevel> levels, uint8_t* paid);

}  // namespace potemkin
