// Any keys and times through the hash table of any small shape, beside a plain map of what it must hold. And
// through a table whose memory is damaged.
#include <map>
#include <stdexcept>
#include <vector>

#include "fuzz/damage.h"
#include "fuzz/input.h"
#include "fuzz/tablememory.h"

using namespace potemkin;

namespace {

using Key = std::vector<uint32_t>;

struct Step {
  uint32_t now, timeout;
  WhenFull whenFull;
  uint32_t keyWords;
  std::vector<uint32_t> keys;  // one after the other

  uint32_t count() const { return static_cast<uint32_t>(keys.size()) / keyWords; }
  Key key(uint32_t i) const {
    const auto at = keys.begin() + static_cast<ptrdiff_t>(i * keyWords);
    return {at, at + keyWords};
  }
};

// Few keys, so that they meet again, which differ in their first and last words.
Step readStep(Input& input, uint32_t now, uint32_t keyWords) {
  Step step{
      now, input.byte(), (input.byte() & 1) != 0 ? WhenFull::kForgetOldest : WhenFull::kRefuse, keyWords, {}};
  step.keys.resize(size_t{keyWords} * (input.byte() % 70u));
  for (size_t i = 0; i < step.keys.size(); i += keyWords) {
    const uint8_t which = input.byte();
    step.keys[i] = which;
    step.keys[i + keyWords - 1] ^= which & 0xf0u;
  }
  return step;
}

// What was inserted, with a number in its value that no other entry has, and where it lies.
struct Entry {
  int32_t slot;
  uint32_t number, seen;
};

class Model {
 public:
  explicit Model(const TableShape& shape) : memory_(shape), shape_(shape) {}

  void upsert(const Step& step) {
    Table table(memory_.bytes());
    for (uint32_t i = 0; i < step.count(); i++) {
      const Key key = step.key(i);
      const uint32_t live = table.header().live;
      int32_t slot;
      uint8_t fresh;
      table.upsert(key.data(), 1, step.now, step.timeout, step.whenFull, &slot, &fresh);
      forgetGone(table, step, live >= shape_.capacity);
      const auto found = entries_.find(key);
      if (slot == Table::kNone) {
        REQUIRE(found == entries_.end() && fresh == 0 && live >= shape_.capacity);
        REQUIRE(step.whenFull == WhenFull::kRefuse || live > shape_.capacity);
        continue;
      }
      const auto at = static_cast<uint32_t>(slot);
      const bool known = found != entries_.end() && since(found->second.seen, step.now) <= step.timeout;
      REQUIRE(fresh == !known && table.holds(at));
      REQUIRE(found == entries_.end() || found->second.slot == slot);
      uint32_t& value = table.value(at)[shape_.valueWords - 1];
      REQUIRE(value == (known ? found->second.number : 0));
      if (!known) value = ++inserted_;
      entries_[key] = {slot, value, step.now};
    }
    check(table);
  }

  // Beyond capacity, up to the last place, so that entries are not in their home buckets.
  void insert(const Step& step) {
    Table table(memory_.bytes());
    for (uint32_t i = 0; i < step.count(); i++) {
      const Key key = step.key(i);
      if (entries_.contains(key)) continue;
      const int32_t slot = table.insert(key.data(), table.hash(key.data()));
      REQUIRE((slot == Table::kNone) == (entries_.size() == table.slots()));
      if (slot == Table::kNone) break;
      const auto at = static_cast<uint32_t>(slot);
      table.seen(at) = step.now;
      entries_[key] = {slot, table.value(at)[shape_.valueWords - 1] = ++inserted_, step.now};
    }
    check(table);
  }

  void lookup(const Step& step) const {
    const Table table(memory_.bytes());
    std::vector<int32_t> slots(step.count());
    table.lookup(step.keys.data(), step.count(), step.now, step.timeout, slots.data());
    for (uint32_t i = 0; i < step.count(); i++) {
      const auto found = entries_.find(step.key(i));
      const bool there = found != entries_.end() && since(found->second.seen, step.now) <= step.timeout;
      REQUIRE(slots[i] == (there ? found->second.slot : Table::kNone));
    }
  }

  void remove(uint32_t slot) {
    Table table(memory_.bytes());
    const bool held = std::erase_if(entries_, [&](const auto& each) {
                        return static_cast<uint32_t>(each.second.slot) == slot;
                      }) == 1;
    REQUIRE(table.remove(slot) == held);
    check(table);
  }

  void sweep(const Step& step, uint32_t budget) {
    Table table(memory_.bytes());
    const auto expired = [&](uint32_t slot) { return table.older(slot, step.now, step.timeout); };
    const uint32_t removed = table.sweep(budget, expired);
    REQUIRE(std::erase_if(entries_, [&](const auto& each) {
              const Entry& entry = each.second;
              return !table.holds(static_cast<uint32_t>(entry.slot)) &&
                     since(entry.seen, step.now) > step.timeout;
            }) == removed);
    check(table);
  }

  std::span<uint8_t> bytes() const { return memory_.bytes(); }

 private:
  static uint32_t since(uint32_t then, uint32_t now) {
    const auto passed = static_cast<int32_t>(now - then);
    return passed < 0 ? 0 : static_cast<uint32_t>(passed);
  }
  bool holds(const Table& table, const Key& key, const Entry& entry) const {
    const auto slot = static_cast<uint32_t>(entry.slot);
    return table.holds(slot) && std::equal(key.begin(), key.end(), table.entry(slot));
  }
  // Those that had to make room for another: what had expired, else the oldest, where all are looked at.
  void forgetGone(const Table& table, const Step& step, bool wasFull) {
    const bool seesAll = table.slots() <= Table::kWindow;
    uint32_t oldest = 0, forgotten = 0;
    for (const auto& [key, entry] : entries_) {
      const uint32_t age = since(entry.seen, step.now);
      if (age <= step.timeout) oldest = std::max(oldest, age);
    }
    std::erase_if(entries_, [&](const auto& each) {
      if (holds(table, each.first, each.second)) return false;
      const uint32_t age = since(each.second.seen, step.now);
      REQUIRE(wasFull && (age > step.timeout || step.whenFull == WhenFull::kForgetOldest));
      REQUIRE(age > step.timeout || age == oldest || !seesAll);
      forgotten += age <= step.timeout;
      return true;
    });
    REQUIRE(forgotten <= 1);
  }
  void check(const Table& table) const {
    REQUIRE(table.header().live == entries_.size());
    for (const auto& [key, entry] : entries_) REQUIRE(holds(table, key, entry));
  }

  const TableMemory memory_;
  const TableShape shape_;
  std::map<Key, Entry> entries_;
  uint32_t inserted_ = 0;
};

void useDamaged(std::span<uint8_t> memory, const Step& step, uint32_t slot) {
  Table table(memory);
  if (table.keyWords() != step.keyWords) return;
  // Of exactly this size, so that an access beyond it is seen.
  std::vector<int32_t> slots(step.count());
  std::vector<uint8_t> fresh(step.count());
  table.lookup(step.keys.data(), step.count(), step.now, step.timeout, slots.data());
  table.upsert(step.keys.data(), step.count(), step.now, step.timeout, step.whenFull, slots.data(),
               fresh.data());
  for (const int32_t found : slots)
    REQUIRE(found == Table::kNone || static_cast<uint32_t>(found) < table.slots());
  table.remove(slot);
  table.sweep(slot, [&](uint32_t held) { return table.older(held, step.now, step.timeout); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input({data, size});
  const TableShape shape{1 + input.byte() % 8u, 1 + input.byte() % 4u, 1 + input.byte() % 60u};
  Model model(shape);
  const TableMemory damaged(shape);
  auto now = input.take<uint32_t>();
  while (!input.empty()) {
    const uint8_t what = input.byte();
    now += static_cast<uint32_t>(static_cast<int8_t>(input.byte()));
    const Step step = readStep(input, now, shape.keyWords);
    const uint32_t place = input.byte();
    switch (what & 7) {
      case 0:
        model.insert(step);
        break;
      case 1:
        model.remove(place);
        break;
      case 2:
        model.sweep(step, place % 8);
        break;
      case 3:
        model.lookup(step);
        break;
      default:
        model.upsert(step);
    }
    // Else what was damaged before stays so.
    if ((what & 8) != 0) std::ranges::copy(model.bytes(), damaged.bytes().begin());
    damageByte(damaged.bytes(), input);
    try {
      useDamaged(damaged.bytes(), step, place);
    } catch (const std::invalid_argument&) {
      // Its header tells.
    }
  }
  return 0;
}
