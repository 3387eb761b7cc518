// One fixed-width hash table for all state that is kept per packet: flows, fragments, scans, bindings.
//
// The memory belongs to someone else (JavaScript) and is borrowed for the length of a call. It describes
// itself:
//
//   header | a control word of 16 bytes a bucket: 14 tags, count of overflows | entries: key, last seen,
//   value
//
// Open addressing by buckets, as in Folly's F14: an entry lies in the first bucket from its home that had
// room and never moves, so its slot number stays good until it is removed. A tag is 8 bits of the hash, 0 if
// the place is free. The count of overflows says how many entries passed this bucket because it was full; a
// search ends at the first bucket where it is 0, so removing needs no tombstones.
//
// The hash is a folded multiplication (as in wyhash) under a secret 128-bit seed: who cannot see hashes or
// timings to the nanosecond cannot choose keys that collide. It is no message authentication code.
//
// Times are 32 bits in units of the caller's choice and may wrap; all that are compared must lie within 2^31.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "table_bucket.h"

namespace potemkin {

struct TableShape {
  uint32_t keyWords;    // 1 to 8 words of 32 bits
  uint32_t valueWords;  // 0 to 64
  uint32_t capacity;    // entries; 1 to 2^30
};

// The first bytes of a table's memory. JavaScript reads some of it: see src/packet/table.ts.
struct TableHeader {
  uint32_t magic, keyWords, valueWords, capacity;
  uint32_t buckets, controlAt, entriesAt, lock;
  uint32_t live, cursor;
  uint32_t user[6];  // of the table's user
  uint64_t seed[2];
  uint64_t refused, forgotten, expired;  // how often, since the table was made
  uint64_t spare[3];
};
static_assert(sizeof(TableHeader) == 128);

// What upsert does with a new key when the table is full and nothing near has expired.
enum class WhenFull : uint8_t { kRefuse, kForgetOldest };

class Table {
 public:
  static constexpr uint32_t kWays = TableBucket::kWays;
  // Capacity is reached when buckets hold this many on average: 71 % of the places. About one key in
  // 50 is then not in its home bucket.
  static constexpr uint32_t kFill = 10;
  // When full, the oldest of the entries in this many buckets from the key's home is forgotten: about 40.
  static constexpr uint32_t kWindow = 4;
  static constexpr int32_t kNone = -1;
  static constexpr uint32_t kNever = 0xffffffff;

  // Bytes of memory that a table needs. Throws std::invalid_argument if the shape is not as above.
  static size_t bytes(const TableShape& shape);
  // Makes an empty table in so many bytes of memory, which are all zero.
  static void create(std::span<uint8_t> memory, const TableShape& shape, const uint64_t seed[2]);

  // Borrows a table. Throws std::invalid_argument unless the memory holds one. Nothing in the memory but what
  // is checked here is trusted with an address, so damaged contents give wrong answers, never wrong accesses.
  // Takes the lock that makes calls from several threads follow one another; throws std::runtime_error if it
  // is not free within a second.
  explicit Table(std::span<uint8_t> memory);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  TableHeader& header() const { return *header_; }
  uint32_t keyWords() const { return keyWords_; }
  uint32_t valueWords() const { return stride_ - keyWords_ - 1; }
  uint32_t slots() const { return buckets_ * kWays; }
  bool full() const { return header_->live >= capacity_; }

  // An entry: keyWords words of key, one of last seen, valueWords of value.
  uint32_t* entry(uint32_t slot) const { return entries_ + size_t{slot} * stride_; }
  uint32_t& seen(uint32_t slot) const { return entry(slot)[keyWords_]; }
  uint32_t* value(uint32_t slot) const { return entry(slot) + keyWords_ + 1; }
  bool holds(uint32_t slot) const {
    return slot < slots() && control_[slot / kWays * 16 + slot % kWays] != 0;
  }

  // kWords is the words of a key where the caller knows them when it is compiled, else 0.
  template <uint32_t kWords = 0>
  uint64_t hash(const uint32_t* key) const;

  // Prefetches what find() reads first, and, once that has arrived, the entry it will most likely compare.
  void prefetch(uint64_t hash) const { __builtin_prefetch(control_ + size_t{home(hash)} * 16); }
  void prefetchEntry(uint64_t hash) const;
  // The same where the key will be inserted if it is not there: then it is the place that it will get.
  void prefetchPlace(uint64_t hash) const;

  // The slot of a key, or kNone.
  template <uint32_t kWords = 0>
  int32_t find(const uint32_t* key, uint64_t hash) const;
  // Inserts a key that is not there, its time and value zero. Capacity is not looked at: kNone only when no
  // place at all is free.
  int32_t insert(const uint32_t* key, uint64_t hash);
  // Removes the entry of a slot; false if it holds none.
  bool remove(uint32_t slot);

  // Makes room for one key in a table that is full: removes what expired(slot) says has expired from the
  // window around the key's home. Until then that is a sweep's work, which does not look at it again for each
  // key.
  template <typename Expired>
  void reclaim(uint64_t hash, Expired&& expired) {
    if (!full()) return;
    uint32_t bucket = home(hash);
    for (uint32_t i = 0; i < kWindow && i < buckets_; ++i, bucket = next(bucket)) removeIf(bucket, expired);
  }

  // Forgets the entry last seen longest ago of the window around the key's home.
  void forgetOldest(uint64_t hash, uint32_t now);

  // Visits `budget` buckets from where the last sweep stopped and removes what has expired. Returns how many.
  template <typename Expired>
  uint32_t sweep(uint32_t budget, Expired&& expired) {
    if (budget > buckets_) budget = buckets_;
    uint32_t bucket = header_->cursor % buckets_, removed = 0;
    for (; budget > 0; --budget, bucket = next(bucket)) removed += removeIf(bucket, expired);
    header_->cursor = bucket;
    return removed;
  }

  // Time since then. A time that lies ahead counts as now, so a clock that steps back expires nothing.
  static uint32_t age(uint32_t now, uint32_t then) {
    const uint32_t age = now - then;
    return age < 0x80000000u ? age : 0;
  }
  bool older(uint32_t slot, uint32_t now, uint32_t timeout) const { return age(now, seen(slot)) > timeout; }

  // Batches. keys holds n keys one after the other; slots[i] becomes a slot or kNone. An entry last seen more
  // than timeout ago is as good as gone, whether or not a sweep came by.
  uint32_t lookup(const uint32_t* keys, uint32_t n, uint32_t now, uint32_t timeout, int32_t* slots) const;
  // Finds or inserts and sets last seen to now. fresh[i] is 1 where the entry is new (its value is zero).
  // Returns how many are. kNone where the key is new and refused.
  uint32_t upsert(const uint32_t* keys, uint32_t n, uint32_t now, uint32_t timeout, WhenFull whenFull,
                  int32_t* slots, uint8_t* fresh);

 private:
  uint32_t home(uint64_t hash) const { return static_cast<uint32_t>(((hash >> 32) * buckets_) >> 32); }
  uint32_t next(uint32_t bucket) const { return bucket + 1 == buckets_ ? 0 : bucket + 1; }
  template <uint32_t kWords>
  uint32_t upsertKeys(const uint32_t* keys, uint32_t n, uint32_t now, uint32_t timeout, WhenFull whenFull,
                      int32_t* slots, uint8_t* fresh);
  // The first free way of a bucket, kWays if it is full.
  uint32_t freeWay(uint32_t bucket) const;
  void prefetchSlot(uint32_t bucket, uint32_t way) const;
  template <uint32_t kWords>
  bool equal(uint32_t slot, const uint32_t* key) const {
    const uint32_t* held = entry(slot);
    for (uint32_t i = 0; i < (kWords == 0 ? keyWords_ : kWords); ++i)
      if (held[i] != key[i]) return false;
    return true;
  }
  template <typename Expired>
  uint32_t removeIf(uint32_t bucket, Expired&& expired) {
    uint32_t removed = 0;
    for (uint32_t slot = bucket * kWays; slot < (bucket + 1) * kWays; ++slot)
      if (holds(slot) && expired(slot)) removed += remove(slot);
    header_->expired += removed;
    return removed;
  }

  TableHeader* header_;
  uint8_t* control_;
  uint32_t* entries_;
  uint32_t keyWords_, stride_, buckets_, capacity_;
  uint64_t seed_[2];
};

// Items of a batch that are worked on together.
inline constexpr uint32_t kStaged = 32;

// Runs three steps for each of n items, each step for kStaged of them before the next one, so that what a
// step prefetches has arrived when the next one needs it. Within a step items come in order.
template <typename First, typename Second, typename Third>
inline void staged(uint32_t n, First&& first, Second&& second, Third&& third) {
  for (uint32_t from = 0; from < n; from += kStaged) {
    const uint32_t to = n - from < kStaged ? n : from + kStaged;
    for (uint32_t i = from; i < to; ++i) first(i);
    for (uint32_t i = from; i < to; ++i) second(i);
    for (uint32_t i = from; i < to; ++i) third(i);
  }
}

template <uint32_t kWords>
inline uint64_t Table::hash(const uint32_t* key) const {
  const uint32_t words = kWords == 0 ? keyWords_ : kWords;
  uint64_t h = seed_[0];
  uint32_t i = 0;
  for (; i + 1 < words; i += 2) h = fold(h ^ (key[i] | uint64_t{key[i + 1]} << 32), seed_[1]);
  if (i < words) h = fold(h ^ key[i], seed_[1]);
  // One more, because a single fold keeps too much of the order of keys that differ in the last word alone.
  return fold(h, 0x9e3779b97f4a7c15);
}

inline uint32_t Table::freeWay(uint32_t bucket) const {
  return TableBucket(control_ + size_t{bucket} * 16).matching(0).take();
}

inline void Table::prefetchSlot(uint32_t bucket, uint32_t way) const {
  if (way == kWays) return;
  const uint32_t* at = entry(bucket * kWays + way);
  __builtin_prefetch(at);
  __builtin_prefetch(at + stride_ - 1);
}

inline void Table::prefetchEntry(uint64_t hash) const {
  const uint32_t bucket = home(hash);
  prefetchSlot(bucket, TableBucket(control_ + size_t{bucket} * 16).matching(tagOf(hash)).take());
}

inline void Table::prefetchPlace(uint64_t hash) const {
  const uint32_t bucket = home(hash);
  const TableBucket control(control_ + size_t{bucket} * 16);
  const uint32_t way = control.matching(tagOf(hash)).take();
  prefetchSlot(bucket, way == kWays ? control.matching(0).take() : way);
}

template <uint32_t kWords>
inline int32_t Table::find(const uint32_t* key, uint64_t hash) const {
  const uint8_t tag = tagOf(hash);
  uint32_t bucket = home(hash);
  for (uint32_t probes = 0; probes < buckets_; ++probes, bucket = next(bucket)) {
    const TableBucket control(control_ + size_t{bucket} * 16);
    auto ways = control.matching(tag);
    for (uint32_t way = ways.take(); way != kWays; way = ways.take()) {
      const uint32_t slot = bucket * kWays + way;
      if (equal<kWords>(slot, key)) return static_cast<int32_t>(slot);
    }
    if (control.overflows() == 0) break;
  }
  return kNone;
}

}  // namespace potemkin
