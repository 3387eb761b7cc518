// Parts of the hash table that know nothing of its memory: the control word of a bucket, and the step of the
// hash.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace potemkin {

// The control word of a bucket: 14 tags of a byte, 0 if the place is free, then the count of overflows, 2
// bytes.
struct TableBucket {
  static constexpr uint32_t kWays = 14, kBytes = 16, kOverflowsAt = 14;
  const uint8_t* bytes;

  explicit TableBucket(const uint8_t* bucket) : bytes(bucket) {}
  uint32_t overflows() const {
    uint16_t overflows;
    memcpy(&overflows, bytes + kOverflowsAt, 2);
    return overflows;
  }

  // Ways whose tag matches, lowest first; kWays after the last.
  struct Ways {
    uint32_t bits;
    uint32_t take() {
      const auto way = static_cast<uint32_t>(std::countr_zero(bits | 1u << kWays));
      bits &= bits - 1;
      return way;
    }
  };
  // Without a branch, because nobody can foretell where in the bucket a tag is.
  Ways matching(uint8_t tag) const {
    constexpr uint32_t kAll = (1u << kWays) - 1;
#ifdef __SSE2__
    const __m128i tags = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
    const int equal = _mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8(static_cast<char>(tag))));
    return {static_cast<uint32_t>(equal) & kAll};
#else
    uint32_t equal = 0;
    for (uint32_t way = 0; way < kWays; ++way) equal |= uint32_t{bytes[way] == tag} << way;
    return {equal & kAll};
#endif
  }
};

inline uint8_t tagOf(uint64_t hash) {
  const auto tag = static_cast<uint8_t>(hash);
  return tag == 0 ? 1 : tag;
}

// Two words of a key in one.
inline uint64_t pair(const uint32_t* words) {
  return words[0] | uint64_t{words[1]} << 32;
}

// The folded multiplication of wyhash.
inline uint64_t fold(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace potemkin
