#include "tally.h"

#include <algorithm>
#include <array>

namespace potemkin {

namespace {

// Rows of values that are prefetched ahead of the one that is worked on.
constexpr size_t kAhead = 8;

// The row of values of number i of the batch; none if there is no such row.
double* valuesOf(const TallyLevel& level, size_t i) {
  // A negative slot is a large one.
  const size_t from = size_t{static_cast<uint32_t>(level.slots[i])} * level.width;
  return from + level.width <= level.values.size() ? level.values.data() + from : nullptr;
}

double amountOf(const TallyMeter& meter, uint32_t length) {
  return meter.bytes ? length : 1;
}

bool hasRoom(const double* values, std::span<const TallyMeter> meters, double now, uint32_t length) {
  return std::all_of(meters.begin(), meters.end(), [&](const TallyMeter& meter) {
    const double* at = values + meter.column;
    // Written so that what is no number has no room.
    return (now < at[0] ? at[1] : 0) + amountOf(meter, length) <= meter.most;
  });
}

void count(double* values, std::span<const TallyMeter> meters, double now, uint32_t length) {
  for (const TallyMeter& meter : meters) {
    double* at = values + meter.column;
    if (!(now < at[0])) {
      at[0] = now + meter.seconds;
      at[1] = 0;
    }
    at[1] += amountOf(meter, length);
  }
}

}  // namespace

void tally(const Packets& packets, std::span<const uint16_t> rows, double now,
           std::span<const TallyLevel> levels, uint8_t* paid) {
  std::array<double*, kTallyLevels> values;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size())
      for (const TallyLevel& level : levels)
        if (const double* next = valuesOf(level, i + kAhead); next != nullptr) __builtin_prefetch(next, 1);
    const uint32_t length = packets.length()[rows[i]];
    bool has = true;
    for (size_t each = 0; has && each < levels.size(); ++each) {
      values[each] = valuesOf(levels[each], i);
      has = values[each] != nullptr && hasRoom(values[each], levels[each].meters, now, length);
    }
    if (has)
      for (size_t each = 0; each < levels.size(); ++each)
        count(values[each], levels[each].meters, now, length);
    paid[rows[i]] = has;
  }
}

}  // namespace potemkin
