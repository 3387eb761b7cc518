// Damage to the memory of a table, which may then give wrong answers, but never make wrong accesses.
#pragma once

#include <cstddef>

#include "fuzz/input.h"
#include "table.h"

namespace potemkin {

// Changes one byte, of the header half the time. The lock stays open: a table that is locked is waited for.
inline void damageByte(std::span<uint8_t> memory, Input& input) {
  const bool inHeader = (input.byte() & 1) != 0;
  const size_t at = input.take<uint16_t>() % (inHeader ? sizeof(TableHeader) : memory.size());
  constexpr size_t kLock = offsetof(TableHeader, lock);
  if (at < kLock || at >= kLock + sizeof(TableHeader::lock)) memory[at] = input.byte();
}

}  // namespace potemkin
