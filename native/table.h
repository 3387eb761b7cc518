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
// Control words are few enough for a processor's last cache even in a table of ten million, so that a search
// waits for memory once. Entries in order of arrival behind an index that names them would be closer together
// in a table that is nearly empty, but cost one wait more in a large one: see docs/performance.md.
// Control words beside the entries of their bucket would be in no cache: a packet of a flow among a million
// then takes a quarter more time.
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
  uint32_t buckets, controlAt, entriesLine, lock;  // entriesLine: in lines of 64 bytes from controlAt on
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
  // Capacity is reached when buckets hold this many on average: 71 % of the places. About one key in 50 is
  // then not in its home bucket.
  static constexpr uint32_t kFill = 10;
  // When full, what has expired or is the oldest is looked for among this many places.
  static constexpr uint32_t kWindow = 84;
  // At least so many places beyond capacity, which insert() may use; as many as capacity in a smaller table.
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
  bool full() const { return header_->live >= capacity_; }

  // An entry: keyWords words of key, one of last seen, valueWords of value.
  uint32_t* entry(uint32_t slot) const { return entries_ + size_t{slot} * stride_; }
  uint32_t& seen(uint32_t slot) const { return entry(slot)[keyWords_]; }
  uint32_t* value(uint32_t slot) const { return entry(slot) + keyWords_ + 1; }
  bool holds(uint32_t slot) const { return slot < slots_ && *tag(slot) != 0; }

  // kWords is the words of a key, and kStride those of an entry, where the caller knows them when it is
  // compiled, else 0.
  template <uint32_t kWords = 0>
  uint64_t hash(const uint32_t* key) const;

  // Prefetches what likely() reads.
  void prefetch(uint64_t hash) const { __builtin_prefetch(bucket(home(hash))); }
  // The slot that a key most likely has, and prefetches its entry; kNone if it most likely has none. If such
  // a key will be inserted, the place that it most likely gets is prefetched.
  int32_t likely(uint64_t hash, bool inserts) const;

  // The slot of a key, or kNone. It is quick if what likely() said some time ago holds.
  template <uint32_t kWords = 0>
  int32_t find(const uint32_t* key, uint64_t hash, int32_t likely = kNone) const;
  // Inserts a key that is not there, its time and value zero. Capacity is not looked at: kNone only when no
  // place at all is free.
  template <uint32_t kWords = 0, uint32_t kStride = 0>
  int32_t insert(const uint32_t* key, uint64_t hash);
  // Removes the entry of a slot; false if it holds none.
  bool remove(uint32_t slot);
  // Finds or inserts a key and sets its time to now. An entry last seen more than timeout ago is as good as
  // gone. kNone if the key is new and refused.
  template <uint32_t kWords = 0>
  int32_t upsert(const uint32_t* key, uint64_t hash, int32_t likely, uint32_t now, uint32_t timeout,
                 WhenFull whenFull, bool& isNew);

  // Makes room for one key in a table that is full: removes what expired(slot) says has expired of the next
  // kWindow places, from where the last sweep stopped.
  template <typename Expired>
  void reclaim(Expired&& expired) {
    if (full()) sweepPlaces(kWindow, expired);
  }

  // Forgets the entry last seen longest ago of the kWindow places that reclaim() has just looked at.
  void forgetOldest(uint32_t now);

  // Visits `budget` buckets from where the last sweep stopped and removes what has expired. Returns how many.
  template <typename Expired>
  uint32_t sweep(uint32_t budget, Expired&& expired) {
    return sweepPlaces(budget < buckets_ ? budget * kWays : slots_, expired);
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
  uint8_t* bucket(uint32_t bucket) const { return control_ + size_t{bucket} * TableBucket::kBytes; }
  uint8_t* tag(uint32_t slot) const { return bucket(slot / kWays) + slot % kWays; }
  // Takes a place for a key of this hash; kNone if none is free.
  int32_t take(uint64_t hash);
  template <uint32_t kWords>
  bool equal(uint32_t slot, const uint32_t* key) const {
    const uint32_t* held = entry(slot);
    const uint32_t words = kWords == 0 ? keyWords_ : kWords;
    uint64_t differ = 0;
    uint32_t i = 0;
    for (; i + 1 < words; i += 2) differ |= pair(held + i) ^ pair(key + i);
    if (i < words) differ |= held[i] ^ key[i];
    return differ == 0;
  }
  template <typename Expired>
  uint32_t sweepPlaces(uint32_t budget, Expired&& expired) {
    if (budget > slots_) budget = slots_;
    uint32_t slot = header_->cursor % slots_, removed = 0;
    for (; budget > 0; --budget, slot = slot + 1 < slots_ ? slot + 1 : 0)
      if (holds(slot) && expired(slot)) removed += remove(slot);
    header_->cursor = slot;
    header_->expired += removed;
    return removed;
  }

  TableHeader* header_;
  uint8_t* control_;
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
  for (; i + 1 < words; i += 2) h = fold(h ^ pair(key + i), seed_[1]);
  if (i < words) h = fold(h ^ key[i], seed_[1]);
  // One more, because a single fold keeps too much of the order of keys that differ in the last word alone.
  return fold(h, 0x9e3779b97f4a7c15);
}

inline int32_t Table::likely(uint64_t hash, bool inserts) const {
  const uint32_t home = this->home(hash);
  const TableBucket control(bucket(home));
  const uint32_t known = control.matching(tagOf(hash)).take();
  const uint32_t way = known == kWays && inserts ? control.matching(0).take() : known;
  if (way == kWays) return kNone;
  const uint32_t slot = home * kWays + way;
  const uint32_t* at = entry(slot);
  __builtin_prefetch(at);
  __builtin_prefetch(at + stride_ - 1);
  return known == kWays ? kNone : static_cast<int32_t>(slot);
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
      const uint32_t slot = at * kWays + way;
      if (equal<kWords>(slot, key)) return static_cast<int32_t>(slot);
    }
    if (head.overflows() == 0) break;
  }
  return kNone;
}

template <uint32_t kWords, uint32_t kStride>
inline int32_t Table::insert(const uint32_t* key, uint64_t hash) {
  const int32_t slot = take(hash);
  if (slot == kNone) return kNone;
  uint32_t* held = entry(static_cast<uint32_t>(slot));
  const uint32_t words = kWords == 0 ? keyWords_ : kWords;
  for (uint32_t i = 0; i < words; ++i) held[i] = key[i];
  for (uint32_t i = words; i < (kStride == 0 ? stride_ : kStride); ++i) held[i] = 0;
  return slot;
}

template <uint32_t kWords>
inline int32_t Table::upsert(const uint32_t* key, uint64_t hash, int32_t likely, uint32_t now,
                             uint32_t timeout, WhenFull whenFull, bool& isNew) {
  int32_t slot = find<kWords>(key, hash, likely);
  isNew = slot == kNone || older(static_cast<uint32_t>(slot), now, timeout);
  if (slot == kNone) {
    reclaim([&](uint32_t held) { return older(held, now, timeout); });
    if (full() && whenFull == WhenFull::kForgetOldest) forgetOldest(now);
    if (!full()) slot = insert<kWords>(key, hash);
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
