// Any columns and times through the scan filter, in a table so small that it gets full: beside a plain list
// of scans, and in batches beside one by one. And through a table whose memory is damaged.
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

#include "fuzz/damage.h"
#include "fuzz/input.h"
#include "fuzz/tablememory.h"
#include "protocol.h"
#include "scans.h"

using namespace potemkin;

namespace {

using Key = std::array<uint32_t, Scans::kKeyWords>;

Key keyOf(const Packets& packets, uint32_t row) {
  const uint8_t proto = packets.proto()[row];
  return {packets.src()[row], proto, proto == kIcmp ? packets.sport()[row] : packets.dport()[row]};
}

// Few of each, so that scans meet again; sometimes any.
void fill(const Packets& packets, uint32_t row, Input& input) {
  constexpr uint8_t kProtocols[] = {kTcp, kUdp, kIcmp, 0xff};
  const uint8_t who = input.byte(), target = input.byte();
  packets.src()[row] = who & 7;
  packets.proto()[row] = kProtocols[who >> 3 & 3];
  packets.sport()[row] = who >> 5 & 1;
  packets.dport()[row] = who >> 6 & 1;
  packets.dst()[row] = target >> 5 == 0 ? input.take<uint32_t>() : target & 7;
  packets.start()[row] = packets.length()[row] = input.take<uint8_t>() * 0x01010101u;
}

// What the filter says of itself.
class Oracle {
 public:
  Oracle(uint32_t capacity, uint32_t targets, uint32_t window)
      : capacity_(capacity), targets_(targets), window_(window) {}

  // `held` tells whether the table still has the scan: which one is forgotten is the table's business.
  bool admits(const Key& key, uint32_t target, uint32_t now, bool held) {
    everSeen_.insert(key);
    // In a table with room for all, none is forgotten.
    if (everSeen_.size() <= capacity_) REQUIRE(held == scans_.contains(key));
    REQUIRE(!held || scans_.contains(key));
    if (!held) scans_.erase(key);
    Scan& scan = scans_[key];
    if (since(scan.seen, now) > window_ || since(scan.begun, now) >= window_) scan.targets.clear();
    scan.seen = now;
    if (scan.targets.contains(target)) return true;
    if (scan.targets.size() == targets_) return false;
    if (scan.targets.empty()) scan.begun = now;
    scan.targets.insert(target);
    return true;
  }

 private:
  struct Scan {
    uint32_t seen = 0, begun = 0;
    std::set<uint32_t> targets;
  };
  // What lies ahead has just been.
  static uint32_t since(uint32_t then, uint32_t now) {
    const auto passed = static_cast<int32_t>(now - then);
    return passed < 0 ? 0 : static_cast<uint32_t>(passed);
  }

  std::map<Key, Scan> scans_;
  std::set<Key> everSeen_;
  uint32_t capacity_, targets_, window_;
};

bool holds(std::span<uint8_t> memory, const Key& key) {
  const Table table(memory);
  return table.find(key.data(), table.hash(key.data())) != Table::kNone;
}

// One byte anywhere, or one word of all values.
void damage(std::span<uint8_t> memory, Input& input) {
  if ((input.byte() & 1) != 0) return damageByte(memory, input);
  const Table table(memory);
  const uint32_t at = input.byte() % table.valueWords(), word = input.take<uint32_t>();
  for (uint32_t slot = 0; slot < table.slots(); slot++) table.value(slot)[at] = word;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Packets& packets = freshPackets();
  Input input({data, size});
  const uint32_t capacity = 1 + input.byte() % 48u, window = input.byte();
  const uint32_t few = input.byte() % 6u, targets = few == 5 ? Scans::kMostTargets : few;
  const TableShape shape{Scans::kKeyWords, 2 + targets, capacity};
  const TableMemory batches(shape), singles(shape), damaged(shape);
  Oracle oracle(capacity, targets, window);
  auto now = input.take<uint32_t>();
  std::vector<uint8_t> columns(kSlotsAt);

  while (!input.empty()) {
    const uint8_t step = input.byte();
    now = (step & 3) == 0   ? now
          : (step & 3) == 1 ? now - input.byte()
          : step == 2       ? input.take<uint32_t>()
                            : now + input.byte();
    for (uint32_t row = 0; row < FuzzTable::kUsed; row++) fill(packets, row, input);
    const std::vector<uint16_t> rows = takeRows(input);
    // Of exactly this size, so that a write beyond it is seen.
    std::vector<uint8_t> admitted(rows.size());
    std::memcpy(columns.data(), packets.base, kSlotsAt);
    // Else what was damaged before stays so.
    if ((step & 4) != 0) std::ranges::copy(batches.bytes(), damaged.bytes().begin());

    {
      Table table(batches.bytes());
      Scans(table, targets).admit(packets, rows, now, window, admitted.data());
      REQUIRE(table.header().live <= capacity);
    }
    for (size_t i = 0; i < rows.size(); i++) {
      const Key key = keyOf(packets, rows[i]);
      const bool held = holds(singles.bytes(), key);
      uint8_t alone;
      {
        Table table(singles.bytes());
        Scans(table, targets).admit(packets, {&rows[i], 1}, now, window, &alone);
      }
      REQUIRE(alone == oracle.admits(key, packets.dst()[rows[i]], now, held));
      REQUIRE(admitted[i] == alone);
    }

    try {
      damage(damaged.bytes(), input);
      Table table(damaged.bytes());
      Scans(table, targets).admit(packets, rows, now, window, admitted.data());
      for (const uint8_t is : admitted) REQUIRE(is <= 1);
    } catch (const std::invalid_argument&) {
      // Its header tells.
    }
    REQUIRE(std::memcmp(columns.data(), packets.base, kSlotsAt) == 0);
  }
  return 0;
}
