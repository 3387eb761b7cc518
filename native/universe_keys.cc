#include "universe_keys.h"

#include <array>
#include <cstring>
#include <stdexcept>

namespace potemkin {

namespace {

constexpr uint32_t kPlaces = UniverseKeysMemory::kPlaces;
// So that what lies in memory is brought within bounds by few instructions.
static_assert((kPlaces & (kPlaces - 1)) == 0 && (kRows & (kRows - 1)) == 0);

using Key = std::array<uint32_t, UniverseKeys::kKeyWords>;

template <KeyBy by>
Key keyOf(const Packets& packets, uint16_t row, bool shared) {
  if (shared) return {0, 0, UniverseKeys::kShared};
  // A flow's packets of one turn are one root packet; later ones belong to a known flow and do not come here.
  return {packets.src()[row], by == KeyBy::kSource ? 0 : packets.dst()[row],
          by == KeyBy::kPacket ? packets.flow()[row] : 0};
}

}  // namespace

UniverseKeys::UniverseKeys(UniverseKeysMemory& memory, const Table& universes)
    : memory_(memory), universes_(universes) {
  if (universes.keyWords() != kKeyWords || universes.valueWords() < 1)
    throw std::invalid_argument("a table that is not one of universes");
}

inline uint16_t UniverseKeys::number(const uint32_t* key, uint64_t hash, uint32_t source, uint32_t target) {
  auto place = static_cast<uint32_t>(hash) % kPlaces;
  // At most every other place is taken, unless the memory is damaged.
  for (uint32_t probes = 0; probes < kPlaces; ++probes, place = (place + 1) % kPlaces) {
    const uint32_t held = memory_.places[place];
    if (held == 0) break;
    const uint32_t number = (held - 1) % kRows;
    const uint32_t* words = memory_.words + kKeyWords * number;
    if (words[0] == key[0] && words[1] == key[1] && words[2] == key[2]) return static_cast<uint16_t>(number);
  }
  const uint32_t number = memory_.count;
  if (number >= kRows) return kNone;
  memory_.count = number + 1;
  memory_.places[place] = static_cast<uint16_t>(number + 1);
  uint32_t* words = memory_.words + kKeyWords * number;
  for (uint32_t i = 0; i < kKeyWords; ++i) words[i] = key[i];
  memory_.ids[number] = 0;
  memory_.sources[number] = source;
  memory_.targets[number] = target;
  return static_cast<uint16_t>(number);
}

template <KeyBy by>
void UniverseKeys::readBy(const Packets& packets, std::span<const uint16_t> rows) {
  Key keys[kStaged];
  uint64_t hashes[kStaged];
  int32_t likelies[kStaged];
  // Where no universe is, as on a gateway that has just begun, or whose scans find nobody, there is nothing
  // to look up.
  const bool some = universes_.header().live > 0;
  staged(
      static_cast<uint32_t>(rows.size()),
      [&](uint32_t i) {
        const Key key = keyOf<by>(packets, rows[i], memory_.shared[i] != 0);
        keys[i % kStaged] = key;
        hashes[i % kStaged] = universes_.hash<kKeyWords>(key.data());
        if (some) universes_.prefetch(hashes[i % kStaged]);
      },
      [&](uint32_t i) {
        if (some) likelies[i % kStaged] = universes_.likely(hashes[i % kStaged], false);
      },
      [&](uint32_t i) {
        const uint32_t* key = keys[i % kStaged].data();
        const uint16_t row = rows[i];
        uint32_t known = 0;
        if (some) {
          const int32_t slot = universes_.find<kKeyWords>(key, hashes[i % kStaged], likelies[i % kStaged]);
          if (slot != Table::kNone) known = *universes_.value(static_cast<uint32_t>(slot));
        }
        packets.universe()[row] = known;
        memory_.numbers[i] =
            known != 0 ? kNone : number(key, hashes[i % kStaged], packets.src()[row], packets.dst()[row]);
      });
}

void UniverseKeys::read(const Packets& packets, std::span<const uint16_t> rows, KeyBy by) {
  // A turn begins with no keys.
  if (memory_.count == 0) memset(memory_.places, 0, sizeof memory_.places);
  switch (by) {
    case KeyBy::kPacket:
      return readBy<KeyBy::kPacket>(packets, rows);
    case KeyBy::kPair:
      return readBy<KeyBy::kPair>(packets, rows);
    case KeyBy::kSource:
      return readBy<KeyBy::kSource>(packets, rows);
  }
}

}  // namespace potemkin
