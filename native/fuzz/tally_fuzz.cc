// Packets of any length through quotas, beside a plain count: no window holds more than its meter allows. And
// through numbers of any value, which give wrong answers, but no wrong accesses.
#include <map>
#include <tuple>
#include <vector>

#include "fuzz/input.h"
#include "tally.h"

using namespace potemkin;

namespace {

constexpr uint8_t kUnpaid = 0xee;

// One level, in memory of exactly its size.
struct Level {
  std::vector<int32_t> slots;
  std::vector<double> values;
  uint32_t width;
  std::vector<TallyMeter> meters;

  TallyLevel borrowed() { return {slots.data(), values, width, meters}; }
};

// Meters beside one another, and places between them that belong to nobody.
Level readLevel(Input& input) {
  Level level;
  const uint8_t kind = input.byte();
  level.width = 1 + kind % 9u;
  for (uint32_t column = kind >> 7; column + kTallyPair <= level.width;
       column += kTallyPair + (kind >> 6 & 1)) {
    const uint8_t bits = input.byte();
    level.meters.push_back({column, (bits & 1) != 0, static_cast<double>(bits >> 1 & 15),
                            (bits & 1) != 0 ? input.byte() * 16.0 : bits >> 5});
  }
  // The last row may be cut short.
  level.values.resize(input.byte());
  return level;
}

// A level with the same slots whose values and meters can be any number.
Level madeUp(const Level& level, Input& input) {
  Level made = level;
  for (TallyMeter& meter : made.meters) {
    meter.column = input.byte() % (made.width - 1);
    meter.seconds = input.take<double>();
    meter.most = input.take<double>();
  }
  for (int i = 0; i < 8 && !made.values.empty(); i++)
    made.values[input.byte() % made.values.size()] = input.take<double>();
  return made;
}

// A plain count: of each meter of each key, when its window ends and what is in it.
class Oracle {
 public:
  bool pays(const std::vector<Level>& levels, size_t i, double now, uint32_t length) {
    auto after = windows_;
    for (size_t each = 0; each < levels.size(); each++) {
      const Level& level = levels[each];
      const int64_t slot = level.slots[i];
      if (slot < 0 || (slot + 1) * level.width > static_cast<int64_t>(level.values.size())) return false;
      for (size_t meter = 0; meter < level.meters.size(); meter++) {
        const TallyMeter& its = level.meters[meter];
        Window& window = after[{each, slot, meter}];
        if (now >= window.ends) window = {now + its.seconds, 0};
        window.counted += its.bytes ? length : 1;
        if (window.counted > its.most) return false;
      }
    }
    windows_.swap(after);
    return true;
  }

 private:
  struct Window {
    double ends = 0, counted = 0;
  };
  std::map<std::tuple<size_t, int64_t, size_t>, Window> windows_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Packets& packets = freshPackets();
  Input input({data, size});
  std::vector<Level> levels(input.byte() % (kTallyLevels + 1));
  for (Level& level : levels) level = readLevel(input);
  Oracle oracle;
  double now = input.byte();
  while (!input.empty()) {
    const uint8_t step = input.byte();
    now += (step & 1) != 0 ? (step >> 4) * 0.5 : 0;
    for (uint32_t row = 0; row < FuzzTable::kUsed; row++)
      packets.length()[row] = (step & 2) != 0 ? input.byte() : input.take<uint32_t>();
    std::vector<uint16_t> rows(input.byte() % 40);
    for (uint16_t& row : rows) row = input.byte() % FuzzTable::kUsed;
    for (Level& level : levels) {
      level.slots.resize(rows.size());
      for (int32_t& slot : level.slots) {
        slot = static_cast<int8_t>(input.byte()) % 32;
        if (slot == 31) slot = input.take<int32_t>();
      }
    }
    std::vector<TallyLevel> borrowed;
    for (Level& level : levels) borrowed.push_back(level.borrowed());

    std::vector<uint8_t> paid(FuzzTable::kUsed, kUnpaid), expected = paid;
    tally(packets, rows, now, borrowed, paid.data());
    for (size_t i = 0; i < rows.size(); i++)
      expected[rows[i]] = oracle.pays(levels, i, now, packets.length()[rows[i]]);
    REQUIRE(paid == expected);

    if ((step & 12) != 0) continue;
    std::vector<Level> wrong;
    for (const Level& level : levels) wrong.push_back(madeUp(level, input));
    borrowed.clear();
    for (Level& level : wrong) borrowed.push_back(level.borrowed());
    tally(packets, rows, input.take<double>(), borrowed, paid.data());
    for (uint32_t row = 0; row < FuzzTable::kUsed; row++) REQUIRE((paid[row] <= 1) == (expected[row] <= 1));
  }
  return 0;
}
