// Reading and writing of packet bytes: network byte order, no alignment, and the bounds of a row's slot.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "columns.h"

namespace potemkin {

template <typename T>
T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <typename T>
void store(uint8_t* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

constexpr uint16_t swapped(uint16_t value) {
  return __builtin_bswap16(value);
}
constexpr uint32_t swapped(uint32_t value) {
  return __builtin_bswap32(value);
}

// Between host and network byte order.
template <typename T>
constexpr T network(T value) {
  return std::endian::native == std::endian::little ? swapped(value) : value;
}

inline uint16_t get16(const uint8_t* at) {
  return network(load<uint16_t>(at));
}
inline uint32_t get32(const uint8_t* at) {
  return network(load<uint32_t>(at));
}
inline void put16(uint8_t* at, uint16_t value) {
  store(at, network(value));
}
inline void put32(uint8_t* at, uint32_t value) {
  store(at, network(value));
}

// Copies the bytes of a packet. The compiler is not to see how long n can be: it would make a string
// instruction of it, and to start one takes longer than to copy most packets.
inline void copyBytes(uint8_t* to, const uint8_t* from, size_t n) {
  asm("" : "+r"(n));
  std::memcpy(to, from, n);
}

// The same where `room` bytes may be read and written, of which those beyond n do not matter: most packets
// are short, and a few wide moves of a fixed number take less time than to find out how many are needed.
inline void copyWide(uint8_t* to, const uint8_t* from, size_t n, size_t room) {
  constexpr size_t kShort = 64, kLong = 128;
  if (n <= kShort && room >= kShort)
    std::memcpy(to, from, kShort);
  else if (n <= kLong && room >= kLong)
    std::memcpy(to, from, kLong);
  else
    copyBytes(to, from, n);
}

// The bytes of a row's packet. The columns start and length can hold anything, so a packet that leaves its
// own slot is taken for an empty one.
struct PacketBytes {
  uint8_t* data;
  uint32_t length;
  uint32_t headroom;  // bytes of the slot before data
};

inline PacketBytes packetOf(const Packets& packets, uint32_t row) {
  const uint32_t headroom = packets.start()[row] - (kSlotsAt + row * kSlot), length = packets.length()[row];
  if (headroom > kSlot || length > kSlot - headroom) [[unlikely]]
    return {packets.slot(row), 0, 0};
  // SAFETY: headroom + length ≤ kSlot, so start to start + length lies in the row's slot.
  return {packets.base + packets.start()[row], length, headroom};
}

// The same as a span.
inline std::span<uint8_t> bytesOf(const Packets& packets, uint32_t row) {
  const PacketBytes packet = packetOf(packets, row);
  return {packet.data, packet.length};
}

// How many packets ahead a loop over rows prefetches.
inline constexpr size_t kAhead = 6;

// Prefetches the headers of the row that comes kAhead after place i of a list. Where start is made up, what
// is prefetched may lie anywhere, which does nothing.
inline void prefetchHeaders(const Packets& packets, const uint16_t* rows, size_t n, size_t i) {
  if (i + kAhead >= n) return;
  const uint8_t* at = packets.base + packets.start()[rows[i + kAhead]];
  __builtin_prefetch(at);
  __builtin_prefetch(at + 64);
}

// What came of a batch: how many of its rows are faulty, and the bytes of all.
struct Judged {
  uint32_t faulty = 0;
  uint64_t bytes = 0;
};

// Writes what was found out about a row. Returns 1 if it is a fault, to be counted.
inline uint32_t judge(const Packets& packets, uint32_t row, Fault fault) {
  packets.fault()[row] = static_cast<uint8_t>(fault);
  return fault == Fault::kNone ? 0 : 1;
}

}  // namespace potemkin
