// Packets that wait for a later turn: copies of their columns and bytes in two rings of memory. Who they
// belong to keeps the rings' ends, and is not believed.
#pragma once

#include <span>

#include "columns.h"

namespace potemkin {

// Words of a packet: its columns in their order, of which `start` counts from its slot.
inline constexpr uint32_t kHeldWords = kColumns;

struct HeldRings {
  std::span<uint32_t> words;
  std::span<uint8_t> data;
  uint32_t head;      // number of the oldest packet in words
  uint32_t held;      // packets
  uint32_t dataHead;  // place of its first byte in data
  uint32_t bytes;     // of all packets
};

// Copies rows in behind what is held. A packet that leaves its slot is taken for an empty one. The memory of
// rows is apart from all other. Returns the bytes copied.
// Throws std::invalid_argument if there is no room, or the ends lie outside.
uint32_t pushHeld(const Packets& packets, std::span<const uint16_t> rows, const HeldRings& rings);

// Copies the oldest n packets into the rows from first on, all below kRows. Returns their bytes.
// Throws std::invalid_argument if fewer are held, or the rings do not hold packets.
uint32_t popHeld(const Packets& packets, uint32_t first, uint32_t n, const HeldRings& rings);

}  // namespace potemkin
