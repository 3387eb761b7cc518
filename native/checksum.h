// The Internet checksum (RFC 1071), wide, and its incremental update (RFC 1624).
//
// Sums are taken over words as they lie in memory: the one's-complement sum is the same in either byte order
// up to swapping its bytes (RFC 1071 2.B), so nothing is swapped, and results are stored with
// store<uint16_t>.
#pragma once

#include <bit>

#include "wire.h"

namespace potemkin {

// Adds a word to a running sum; its carry comes in again at the low end.
inline uint64_t addWord(uint64_t sum, uint64_t word) {
  sum += word;
  return sum + (sum < word ? 1 : 0);
}

// Adds the bytes to a running sum. A piece that is followed by another has an even number of bytes.
inline uint64_t sumBytes(const uint8_t* at, size_t n, uint64_t sum = 0) {
  static_assert(std::endian::native == std::endian::little);
  if (n < 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, n);
    return addWord(sum, word);
  }
  const uint8_t* const last = at + n - 8;
  for (; at <= last; at += 8) sum = addWord(sum, load<uint64_t>(at));
  // What is left over are the last of the last eight bytes. No shift is as wide as the word.
  return addWord(sum, load<uint64_t>(last) >> 8 >> (56 - n % 8 * 8));
}

// The sum of an IPv4 header without options.
inline uint64_t sumHeader(const uint8_t* at) {
  return uint64_t{load<uint32_t>(at)} + load<uint32_t>(at + 4) + load<uint32_t>(at + 8) +
         load<uint32_t>(at + 12) + load<uint32_t>(at + 16);
}

// Folds a sum into 16 bits. What carries its checksum and is sound folds to kSound.
inline uint16_t fold(uint64_t sum) {
  // Each half is added to the other, so that the upper one is the sum of both with its carry.
  sum += std::rotl(sum, 32);
  auto half = static_cast<uint32_t>(sum >> 32);
  half += std::rotl(half, 16);
  return static_cast<uint16_t>(half >> 16);
}

inline constexpr uint16_t kSound = 0xffff;

// The checksum to store for a sum that was taken with 0 in its place.
inline uint16_t checksumOf(uint64_t sum) {
  return static_cast<uint16_t>(~fold(sum));
}

// The sum of the pseudo-header of TCP and UDP (RFC 9293 3.1, RFC 768) for the IPv4 header at ip.
inline uint64_t sumPseudoHeader(const uint8_t* ip, uint8_t proto, uint32_t length) {
  return uint64_t{load<uint32_t>(ip + 12)} + load<uint32_t>(ip + 16) + network(static_cast<uint16_t>(proto)) +
         network(static_cast<uint16_t>(length));
}

// A change of words under a checksum, to be applied by updated() (RFC 1624, equation 3: HC' = ~(~HC + ~m +
// m')). Words are as in memory.
class Change {
 public:
  void word(uint16_t from, uint16_t to) { sum_ += static_cast<uint16_t>(~from) + uint64_t{to}; }
  void word(uint32_t from, uint32_t to) { sum_ += static_cast<uint32_t>(~from) + uint64_t{to}; }
  uint16_t updated(uint16_t checksum) const { return checksumOf(static_cast<uint16_t>(~checksum) + sum_); }

 private:
  uint64_t sum_ = 0;
};

}  // namespace potemkin
