#include "tally.h"

#include <algorithm>

namespace potemkin {

namespace {

// Rows of values that are prefetched ahead of the one that is worked on.
constexpr size_t kAhead = 8;

double amountOf(const TallyMeter& meter, uint32_t length) {
  return meter.bytes ? length : 1;
}

bool hasRoom(const double* row, std::span<const TallyMeter> meters, double now, uint32_t length) {
  return std::all_of(meters.begin(), meters.end(), [&](const TallyMeter& meter) {
    const double* at = row + meter.column;
    // Written so that what is no number has no room.
    return (now < at[0] ? at[1] : 0) + amountOf(meter, length) <= meter.most;
  });
}

void count(double* row, std::span<const TallyMeter> meters, double now, uint32_t length) {
  for (const TallyMeter& meter : meters) {
    double* at = row + meter.column;
    if (!(now < at[0])) {
      at[0] = now + meter.seconds;
      at[1] = 0;
    }
    at[1] += amountOf(meter, length);
  }
}

}  // namespace

void tally(const Packets& packets, std::span<const uint16_t> rows, const int32_t* slots, double now,
           std::span<double> values, uint32_t width, std::span<const TallyMeter> meters, uint8_t* paid) {
  const size_t there = values.size() / width;
  const auto rowOf = [&](int32_t slot) -> double* {
    // A negative slot is a large one.
    return static_cast<uint32_t>(slot) < there ? values.data() + size_t{static_cast<uint32_t>(slot)} * width
                                               : nullptr;
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size())
      if (const double* next = rowOf(slots[i + kAhead]); next != nullptr) __builtin_prefetch(next, 1);
    double* row = rowOf(slots[i]);
    const uint32_t length = packets.length()[rows[i]];
    const bool has = row != nullptr && hasRoom(row, meters, now, length);
    if (has) count(row, meters, now, length);
    paid[rows[i]] = has;
  }
}

}  // namespace potemkin
