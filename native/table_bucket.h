// Parts of the hash table that know nothing of its memory: the control word of a bucket, and the step of the
// hash.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace potemkin {

// The control word of a bucket: 14 tags, then the count of overflows.
struct TableBucket {
  static constexpr uint32_t kWays = 14;
  static constexpr uint64_t kOnes = 0x0101010101010101, kHighs = kOnes << 7;
  uint64_t low, high;

  explicit TableBucket(const uint8_t* control) {
    memcpy(&low, control, 8);
    memcpy(&high, control + 8, 8);
  }
  uint32_t overflows() const { return static_cast<uint32_t>(high >> 48); }

  // Ways whose tag matches, lowest first; kWays after the last. Of the ways it gives the first surely
  // matches; later ones may be wrong (a borrow runs through the byte-wise comparison), which comparing keys
  // finds out.
  struct Ways {
    uint64_t low, high;
    uint32_t take() {
      if (low != 0) return pop(low);
      if (high != 0) return 8 + pop(high);
      return kWays;
    }
    static uint32_t pop(uint64_t& bits) {
      const auto way = static_cast<uint32_t>(std::countr_zero(bits)) / 8;
      bits &= bits - 1;
      return way;
    }
  };
  static uint64_t zeroBytes(uint64_t word) { return (word - kOnes) & ~word & kHighs; }
  Ways matching(uint8_t tag) const {
    const uint64_t all = kOnes * tag;
    return {zeroBytes(low ^ all), zeroBytes(high ^ all) & 0x0000808080808080};
  }
};

inline uint8_t tagOf(uint64_t hash) {
  const auto tag = static_cast<uint8_t>(hash);
  return tag == 0 ? 1 : tag;
}

// The folded multiplication of wyhash.
inline uint64_t fold(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace potemkin
