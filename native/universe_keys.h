// What shares a universe: the keys of packets that open a flow from outside, and the numbers that those have
// that were seen in one turn. See src/elements/UniverseTagger.ts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "columns.h"
#include "table.h"

namespace potemkin {

// What a key has of a packet: all of it and its flow, its source and target, or its source alone.
enum class KeyBy : uint8_t { kPacket, kPair, kSource };

// Memory that belongs to JavaScript: src/packet/universe-keys.ts has the same list. Nothing in it is trusted
// with an address. Each part has a cache line to spare, as columns of packets do.
struct UniverseKeysMemory {
  static constexpr uint32_t kPlaces = 2 * kRows, kSpare = 16;

  // How many keys this turn has.
  uint32_t count;
  // Three words for each key of this turn.
  uint32_t words[3 * kRows + kSpare];
  // For each key of this turn the universe that it was promised, which is JavaScript's to say. 0 in a new
  // one.
  uint32_t ids[kRows + kSpare];
  // And the addresses of the first packet that had it.
  uint32_t sources[kRows + kSpare];
  uint32_t targets[kRows + kSpare];
  // For each row of the batch its key's number of this turn, kNone if it has none.
  uint16_t numbers[kRows + 2 * kSpare];
  // By place the number of a key plus 1, 0 if it is free. Of no meaning while there are no keys.
  uint16_t places[kPlaces + 2 * kSpare];
  // Written by JavaScript: for each row of the batch whether its source is one of those that share a
  // universe.
  uint8_t shared[kRows];
};
static_assert(sizeof(UniverseKeysMemory) == 4 + 4 * (3 * kRows + 16) + 3 * 4 * (kRows + 16) +
                                                2 * (kRows + 32) + 2 * (2 * kRows + 32) + kRows);

class UniverseKeys {
 public:
  static constexpr uint32_t kKeyWords = 3;
  // The third word of the key of those that share a universe; its others are 0. No flow has this number.
  static constexpr uint32_t kShared = 0xffffffff;
  static constexpr uint16_t kNone = kRows;

  // Borrows both for the length of a call. Throws std::invalid_argument unless the table's keys have three
  // words, and its values at least one: the number of a universe.
  UniverseKeys(UniverseKeysMemory& memory, const Table& universes);

  // Rows below kRows, at most kRows, with the parse columns and the flow filled in. Gives each its universe,
  // if the table has its key; the universe of the others becomes 0, and their keys get numbers.
  void read(const Packets& packets, std::span<const uint16_t> rows, KeyBy by);

 private:
  template <KeyBy by>
  void readBy(const Packets& packets, std::span<const uint16_t> rows);
  uint16_t number(const uint32_t* key, uint64_t hash, uint32_t source, uint32_t target);

  UniverseKeysMemory& memory_;
  const Table& universes_;
};

}  // namespace potemkin
