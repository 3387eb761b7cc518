// Counts packets and bytes for the quotas of export policy, a batch at a time.
//
// The memory is that of src/farm/policy/tallies.ts, borrowed for the length of a call: for each key a row of
// `width` numbers, of which each meter has two: when its window ends, and how much was counted in it.
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

// Counts the packets in `rows`, one after the other, each if all meters have room for it. slots[i] is the row
// of values that belongs to rows[i]: where it is negative, or the values do not reach so far, there is no
// room. paid[row] becomes 1 if the packet was counted, else 0.
void tally(const Packets& packets, std::span<const uint16_t> rows, const int32_t* slots, double now,
           std::span<double> values, uint32_t width, std::span<const TallyMeter> meters, uint8_t* paid);

}  // namespace potemkin
