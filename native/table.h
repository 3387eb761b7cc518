// One fixed-width hash table for all state that is kept per packet: flows, fragments, scans, bindings.
//
// The memory belongs to someone else (JavaScript) and is borrowed for the length of a call. It describes
// itself:
//
//   header | index: buckets of a cache line | a bit an entry: whether it is in use | entries: key, last seen,
//   value
//
// Entries lie in order of arrival, and what was removed last is used again first. So few of them in a table
// for many are close together, and its memory is touched no further than it is used. An entry never moves:
// its slot number stays good until it is removed.
//
// The index is open addressing by buckets, as in Folly's F14: an entry is named in the first bucket from its
// home that had room, with 8 bits of the hash as a tag. A bucket's count of overflows says how many entries
// passed it because it was full; a search ends at the first bucket where it is 0, so removing needs no
// tombstones. The tags, the count and the numbers of the entries are one cache line, and an entry is the
// next.
//
// The hash is a folded multiplication (as in wyhash) under a secret 128-bit seed: who cannot see hashes or
// timings to the nanosecond cannot choose keys that collide. It is no message authentication code.
//
// Times are 32 bits in units of the caller's choice and may wrap; all that are compared must lie within 2^31.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
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
  uint32_t buckets, indexAt, entriesLine, lock;  // entriesLine: in lines of 64 bytes from the index on
  uint32_t live, cursor;
  uint32_t user[6];  // of the table's user
  uint64_t seed[2];
  uint64_t refused, forgotten, expired;  // how often, since the table was made
  uint32_t used;  // entries that were ever in use; what lies behind them was never touched
  uint32_t free;  // the entry that was removed last, and 1; its first word names the one before it
  uint64_t spare[2];
};
static_assert(sizeof(TableHeader) == 128);

// What upsert does with a new key when the table is full and nothing near has expired.
enum class WhenFull : uint8_t { kRefuse, kForgetOldest };

class Table {
 public:
  static constexpr uint32_t kWays = TableBucket::kWays;
  // Capacity is reached when buckets name this many on average: two thirds of the places. About one key in
  // 80 is then not in its home bucket.
  static constexpr uint32_t kFill = 8;
  // When full, what has expired or is the oldest is looked for among this many entries.
  static constexpr uint32_t kWindow = 40;
  // At most so many entries beyond capacity, which insert() may use; as many as capacity in a smaller table.
  static constexpr uint32_t kSpare = 1024;
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
  // Slot numbers are below this.
  uint32_t slots() const { return slots_; }
  // … and those that are in use below this.
  uint32_t used() const { return header_->used < slots_ ? header_->used : slots_; }
  bool full() const { return header_->live >= capacity_; }

  // An entry: keyWords words of key, one of last seen, valueWords of value.
  uint32_t* entry(uint32_t slot) const { return entries_ + size_t{slot} * stride_; }
  uint32_t& seen(uint32_t slot) const { return entry(slot)[keyWords_]; }
  uint32_t* value(uint32_t slot) const { return entry(slot) + keyWords_ + 1; }
  bool holds(uint32_t slot) const { return slot < slots_ && (live_[slot / 32] >> slot % 32 & 1) != 0; }

  // kWords is the words of a key where the caller knows them when it is compiled, else 0.
  template <uint32_t kWords = 0>
  uint64_t hash(const uint32_t* key) const;

  // Prefetches what likely() reads.
  void prefetch(uint64_t hash) const { __builtin_prefetch(bucket(home(hash))); }
  // The slot that a key most likely has, and prefetches its entry; kNone if it most likely has none.
  int32_t likely(uint64_t hash) const;

  // The slot of a key, or kNone. It is quick if what likely() said some time ago holds.
  template <uint32_t kWords = 0>
  int32_t find(const uint32_t* key, uint64_t hash, int32_t likely = kNone) const;
  // Inserts a key that is not there, its time and value zero. Capacity is not looked at: kNone only when no
  // place at all is free.
  int32_t insert(const uint32_t* key, uint64_t hash);
  // Removes the entry of a slot; false if it holds none.
  bool remove(uint32_t slot);
  // Finds or inserts a key and sets its time to now. An entry last seen more than timeout ago is as good as
  // gone. kNone if the key is new and refused.
  template <uint32_t kWords = 0>
  int32_t upsert(const uint32_t* key, uint64_t hash, int32_t likely, uint32_t now, uint32_t timeout,
                 WhenFull whenFull, bool& isNew);

  // Makes room for one key in a table that is full: removes what expired(slot) says has expired of the next
  // kWindow entries, where the last sweep stopped.
  template <typename Expired>
  void reclaim(Expired&& expired) {
    if (full()) sweepEntries(kWindow, expired);
  }

  // Forgets the entry last seen longest ago of the kWindow that reclaim() has just looked at.
  void forgetOldest(uint32_t now);

  // Visits as many entries as `budget` buckets have places, from where the last sweep stopped, and removes
  // what has expired. Returns how many.
  template <typename Expired>
  uint32_t sweep(uint32_t budget, Expired&& expired) {
    return sweepEntries(budget < buckets_ ? budget * kWays : slots_, expired);
  }

  // Time since then. A time that lies ahead counts as now, so a clock that steps back expires nothing.
  static uint32_t age(uint32_t now, uint32_t then) {
    const uint32_t age = now - then;
    return age < 0x80000000u ? age : 0;
  }
  bool older(uint32_t slot, uint32_t now, uint32_t timeout) const { return age(now, seen(slot)) > timeout; }

  // Batches. keys holds n keys one after the other; slots[i] becomes a slot or kNone. What is older than
  // timeout is not found, whether or not a sweep came by.
  uint32_t lookup(const uint32_t* keys, uint32_t n, uint32_t now, uint32_t timeout, int32_t* slots) const;
  // Finds or inserts and sets last seen to now. fresh[i] is 1 where the entry is new (its value is zero).
  // Returns how many are. kNone where the key is new and refused.
  uint32_t upsert(const uint32_t* keys, uint32_t n, uint32_t now, uint32_t timeout, WhenFull whenFull,
                  int32_t* slots, uint8_t* fresh);

 private:
  uint32_t home(uint64_t hash) const { return static_cast<uint32_t>(((hash >> 32) * buckets_) >> 32); }
  uint32_t next(uint32_t bucket) const { return bucket + 1 == buckets_ ? 0 : bucket + 1; }
  uint8_t* bucket(uint32_t bucket) const { return index_ + size_t{bucket} * TableBucket::kBytes; }
  // The entry that a place of a bucket names: some number below slots().
  uint32_t named(const uint8_t* bucket, uint32_t way) const {
    uint32_t slot;
    memcpy(&slot, bucket + TableBucket::kNumbersAt + size_t{way} * 4, 4);
    return slot < slots_ ? slot : 0;
  }
  // An entry that is not in use; kNone if there is none.
  int32_t takeEntry();
  void freeEntry(uint32_t slot);
  template <uint32_t kWords>
  bool equal(uint32_t slot, const uint32_t* key) const {
    const uint32_t* held = entry(slot);
    uint32_t differ = 0;
    for (uint32_t i = 0; i < (kWords == 0 ? keyWords_ : kWords); ++i) differ |= held[i] ^ key[i];
    return differ == 0;
  }
  template <typename Expired>
  uint32_t sweepEntries(uint32_t budget, Expired&& expired) {
    const uint32_t end = used();
    if (budget > end) budget = end;
    uint32_t slot = header_->cursor < end ? header_->cursor : 0, removed = 0;
    for (; budget > 0; --budget, slot = slot + 1 < end ? slot + 1 : 0)
      if (holds(slot) && expired(slot)) removed += remove(slot);
    header_->cursor = slot;
    header_->expired += removed;
    return removed;
  }

  TableHeader* header_;
  uint8_t* index_;
  uint32_t* live_;
  uint32_t* entries_;
  uint32_t keyWords_, stride_, buckets_, capacity_, slots_;
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

inline int32_t Table::likely(uint64_t hash) const {
  const uint8_t* home = bucket(this->home(hash));
  const uint32_t way = TableBucket(home).matching(tagOf(hash)).take();
  if (way == kWays) return kNone;
  const uint32_t slot = named(home, way);
  const uint32_t* at = entry(slot);
  __builtin_prefetch(at);
  __builtin_prefetch(at + stride_ - 1);
  return static_cast<int32_t>(slot);
}

template <uint32_t kWords>
inline int32_t Table::find(const uint32_t* key, uint64_t hash, int32_t likely) const {
  // A key is in one entry, so where it is now does not matter.
  if (likely != kNone && holds(static_cast<uint32_t>(likely)) &&
      equal<kWords>(static_cast<uint32_t>(likely), key)) {
    return likely;
  }
  const uint8_t tag = tagOf(hash);
  uint32_t at = home(hash);
  for (uint32_t probes = 0; probes < buckets_; ++probes, at = next(at)) {
    const TableBucket head(bucket(at));
    auto ways = head.matching(tag);
    for (uint32_t way = ways.take(); way != kWays; way = ways.take()) {
      const uint32_t slot = named(bucket(at), way);
      if (equal<kWords>(slot, key)) return static_cast<int32_t>(slot);
    }
    if (head.overflows() == 0) break;
  }
  return kNone;
}

template <uint32_t kWords>
inline int32_t Table::upsert(const uint32_t* key, uint64_t hash, int32_t likely, uint32_t now,
                             uint32_t timeout, WhenFull whenFull, bool& isNew) {
  int32_t slot = find<kWords>(key, hash, likely);
  isNew = slot == kNone || older(static_cast<uint32_t>(slot), now, timeout);
  if (slot == kNone) {
    reclaim([&](uint32_t held) { return older(held, now, timeout); });
    if (full() && whenFull == WhenFull::kForgetOldest) forgetOldest(now);
    if (!full()) slot = insert(key, hash);
    if (slot == kNone) {
      isNew = false;
      ++header_->refused;
      return kNone;
    }
  } else if (isNew) {
    // The key comes back after its time: as if it had been swept.
    uint32_t* held = value(static_cast<uint32_t>(slot));
    for (uint32_t i = 0; i < valueWords(); ++i) held[i] = 0;
    ++header_->expired;
  }
  seen(static_cast<uint32_t>(slot)) = now;
  return slot;
}

}  // namespace potemkin
