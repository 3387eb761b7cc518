// Any columns through the keys of universes, in several batches a turn, beside a plain map: who has a
// universe gets it, and the others' keys are numbered as they come. And through memory that is damaged.
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/tablememory.h"
#include "universe_keys.h"

using namespace potemkin;

namespace {

using Key = std::array<uint32_t, UniverseKeys::kKeyWords>;

// Few of each, so that keys meet again.
void fill(const Packets& packets, uint32_t row, Input& input) {
  const uint8_t ends = input.byte();
  packets.src()[row] = ends & 7;
  packets.dst()[row] = ends >> 3 & 7;
  packets.flow()[row] = ends >> 6;
  packets.universe()[row] = input.byte();
}

Key keyOf(const Packets& packets, uint32_t row, KeyBy by, bool shared) {
  if (shared) return {0, 0, UniverseKeys::kShared};
  return {packets.src()[row], by == KeyBy::kSource ? 0 : packets.dst()[row],
          by == KeyBy::kPacket ? packets.flow()[row] : 0};
}

// The universes that exist, and the keys of a turn by number.
struct Oracle {
  std::map<Key, uint32_t> universes;
  std::map<Key, uint16_t> numbers;
};

void begin(Oracle& oracle, const TableMemory& memory, const Key& key, uint32_t id) {
  Table table(memory.bytes());
  int32_t slot;
  uint8_t fresh;
  table.upsert(key.data(), 1, 0, Table::kNever, WhenFull::kRefuse, &slot, &fresh);
  if (slot == Table::kNone) return;
  *table.value(static_cast<uint32_t>(slot)) = id;
  oracle.universes[key] = id;
}

void compare(const Packets& packets, const std::vector<uint16_t>& rows, KeyBy by,
             const UniverseKeysMemory& memory, Oracle& oracle) {
  for (size_t i = 0; i < rows.size(); i++) {
    const Key key = keyOf(packets, rows[i], by, memory.shared[i] != 0);
    const auto known = oracle.universes.find(key);
    if (known != oracle.universes.end()) {
      REQUIRE(packets.universe()[rows[i]] == known->second && memory.numbers[i] == UniverseKeys::kNone);
      continue;
    }
    REQUIRE(packets.universe()[rows[i]] == 0);
    const auto [place, isNew] = oracle.numbers.try_emplace(key, static_cast<uint16_t>(oracle.numbers.size()));
    const uint16_t number = place->second;
    REQUIRE(memory.numbers[i] == number && memory.ids[number] == 0);
    REQUIRE(std::memcmp(memory.words + UniverseKeys::kKeyWords * number, key.data(), sizeof key) == 0);
    if (isNew)
      REQUIRE(memory.sources[number] == packets.src()[rows[i]] &&
              memory.targets[number] == packets.dst()[rows[i]]);
  }
  REQUIRE(memory.count == oracle.numbers.size());
}

// Numbers, places and the count of somebody who lies, in memory of its own.
void lie(const Packets& packets, const std::vector<uint16_t>& rows, KeyBy by, const TableMemory& universes,
         const UniverseKeysMemory& honest, Input& input) {
  const auto memory = std::make_unique<UniverseKeysMemory>(honest);
  memory->count = input.take<uint32_t>();
  const auto word = input.take<uint16_t>();
  for (uint32_t i = input.byte(); i < UniverseKeysMemory::kPlaces; i += 1u + (word & 7))
    memory->places[i] = word;
  const Table table(universes.bytes());
  UniverseKeys(*memory, table).read(packets, rows, by);
  for (size_t i = 0; i < rows.size(); i++) REQUIRE(memory->numbers[i] <= UniverseKeys::kNone);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Packets& packets = freshPackets();
  Input input({data, size});
  const auto by = static_cast<KeyBy>(input.byte() % 3);
  const TableMemory universes({UniverseKeys::kKeyWords, 1, 1u + input.byte()});
  const auto memory = std::make_unique<UniverseKeysMemory>();
  Oracle oracle;

  while (!input.empty()) {
    const uint8_t step = input.byte();
    for (uint32_t row = 0; row < FuzzTable::kUsed; row++) fill(packets, row, input);
    const auto sharers = input.take<uint16_t>();
    const std::vector<uint16_t> rows = takeRows(input);
    // A row that comes twice is the same packet.
    for (size_t i = 0; i < rows.size(); i++) memory->shared[i] = (sharers >> rows[i] & 1) != 0;
    if ((step & 1) != 0) lie(packets, rows, by, universes, *memory, input);
    {
      const Table table(universes.bytes());
      UniverseKeys(*memory, table).read(packets, rows, by);
    }
    compare(packets, rows, by, *memory, oracle);
    if ((step & 2) != 0) continue;
    // The turn is over: some of its keys have a universe now.
    for (const auto& [key, number] : oracle.numbers) {
      memory->ids[number] = 1u + number;
      if ((step >> 2 & 3) == (number & 3)) begin(oracle, universes, key, 1u + number);
    }
    oracle.numbers.clear();
    memory->count = 0;
  }
  return 0;
}
