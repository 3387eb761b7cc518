#include "table.h"

#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace potemkin {

namespace {

constexpr uint32_t kMagic = 0x70746231;  // "ptb1"
constexpr uint32_t kMostKeyWords = 8, kMostValueWords = 64, kMostCapacity = 1u << 30;
constexpr uint32_t kLine = 64;

uint32_t bucketsFor(uint32_t capacity) {
  return (capacity + Table::kFill - 1) / Table::kFill;
}

uint32_t strideOf(const TableShape& shape) {
  return shape.keyWords + 1 + shape.valueWords;
}

void check(const TableShape& shape) {
  if (shape.keyWords < 1 || shape.keyWords > kMostKeyWords)
    throw std::invalid_argument("a table's key has 1 to 8 words");
  if (shape.valueWords > kMostValueWords) throw std::invalid_argument("a table's value has 0 to 64 words");
  if (shape.capacity < 1 || shape.capacity > kMostCapacity)
    throw std::invalid_argument("a table's capacity is 1 to 2^30 entries");
}

// A seed that someone chose may have few bits set, which would make a poor factor (SplitMix64).
uint64_t scrambled(uint64_t seed) {
  seed += 0x9e3779b97f4a7c15;
  seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9;
  seed = (seed ^ seed >> 27) * 0x94d049bb133111eb;
  return seed ^ seed >> 31;
}

size_t lined(size_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine;
}

}  // namespace

size_t Table::bytes(const TableShape& shape) {
  check(shape);
  const size_t buckets = bucketsFor(shape.capacity);
  // One line more than needed, so that both parts can begin on a line wherever the memory begins.
  return kLine + lined(sizeof(TableHeader)) + lined(buckets * 16) + buckets * kWays * 4 * strideOf(shape);
}

void Table::create(std::span<uint8_t> memory, const TableShape& shape, const uint64_t seed[2]) {
  if (memory.size() != bytes(shape)) throw std::invalid_argument("the memory is not of the table's size");
  const auto base = reinterpret_cast<uintptr_t>(memory.data());
  if (base % 8 != 0) throw std::invalid_argument("a table's memory must be aligned to 8 bytes");
  const uint32_t buckets = bucketsFor(shape.capacity);
  const size_t controlAt = lined(base + sizeof(TableHeader)) - base;
  const size_t entriesAt = controlAt + lined(size_t{buckets} * 16);
  // A lookup at random in a large table costs two misses of the TLB as well, which huge pages save. Advice
  // only: what the kernel does with it is its business.
  constexpr uintptr_t kHuge = uintptr_t{2} << 20;
  const uintptr_t from = (base + kHuge - 1) / kHuge * kHuge, to = (base + memory.size()) / kHuge * kHuge;
  // SAFETY: whole pages between the memory's ends; the advice does not change what they hold.
  if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);
  // SAFETY: aligned to 8 and, by bytes(), longer than a header.
  auto* header = reinterpret_cast<TableHeader*>(memory.data());
  *header = {};
  header->keyWords = shape.keyWords;
  header->valueWords = shape.valueWords;
  header->capacity = shape.capacity;
  header->buckets = buckets;
  header->controlAt = static_cast<uint32_t>(controlAt);
  header->entriesAt = static_cast<uint32_t>(entriesAt);
  header->seed[0] = scrambled(seed[0]);
  // An even factor would lose bits.
  header->seed[1] = scrambled(seed[1]) | 1;
  header->magic = kMagic;
}

Table::Table(std::span<uint8_t> memory) {
  const auto fail = [] { throw std::invalid_argument("this memory does not hold a table"); };
  if (memory.size() < sizeof(TableHeader) || reinterpret_cast<uintptr_t>(memory.data()) % 8 != 0) fail();
  // SAFETY: aligned to 8 and at least as long as a header.
  header_ = reinterpret_cast<TableHeader*>(memory.data());
  // A copy: other threads may see this memory, and what is checked must be what is used.
  const TableHeader header = *header_;
  const TableShape shape{header.keyWords, header.valueWords, header.capacity};
  if (header.magic != kMagic) fail();
  check(shape);
  keyWords_ = shape.keyWords;
  stride_ = strideOf(shape);
  buckets_ = bucketsFor(shape.capacity);
  capacity_ = shape.capacity;
  const size_t controlEnd = size_t{header.controlAt} + size_t{buckets_} * 16;
  const size_t entriesEnd = size_t{header.entriesAt} + size_t{buckets_} * kWays * stride_ * 4;
  if (memory.size() != bytes(shape) || header.buckets != buckets_ || header.controlAt < sizeof(TableHeader) ||
      header.entriesAt < controlEnd || header.entriesAt % 4 != 0 || entriesEnd > memory.size()) {
    fail();
  }
  // SAFETY: both parts were just seen to lie within the memory, behind the header and one another.
  control_ = memory.data() + header.controlAt;
  entries_ = reinterpret_cast<uint32_t*>(memory.data() + header.entriesAt);
  seed_[0] = header.seed[0];
  seed_[1] = header.seed[1];

  std::atomic_ref lock(header_->lock);
  if (lock.exchange(1, std::memory_order_acquire) == 0) return;
  const auto start = std::chrono::steady_clock::now();
  while (lock.exchange(1, std::memory_order_acquire) != 0) {
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(1))
      throw std::runtime_error("the table stays locked");
    std::this_thread::yield();
  }
}

Table::~Table() {
  std::atomic_ref(header_->lock).store(0, std::memory_order_release);
}

int32_t Table::insert(const uint32_t* key, uint64_t hash) {
  // The count of overflows sticks at its end, where removing could not tell what it should be.
  const auto count = [this](uint32_t bucket) {
    uint8_t* at = control_ + size_t{bucket} * 16 + kWays;
    uint16_t overflows;
    memcpy(&overflows, at, 2);
    if (overflows != UINT16_MAX) ++overflows;
    memcpy(at, &overflows, 2);
  };
  uint32_t bucket = home(hash);
  uint32_t way = freeWay(bucket);
  for (uint32_t probes = 1; way == kWays; ++probes, way = freeWay(bucket)) {
    if (probes == buckets_) return kNone;
    bucket = next(bucket);
  }
  for (uint32_t passed = home(hash); passed != bucket; passed = next(passed)) count(passed);
  control_[size_t{bucket} * 16 + way] = tagOf(hash);
  ++header_->live;
  const uint32_t slot = bucket * kWays + way;
  uint32_t* at = entry(slot);
  for (uint32_t i = 0; i < keyWords_; ++i) at[i] = key[i];
  for (uint32_t i = keyWords_; i < stride_; ++i) at[i] = 0;
  return static_cast<int32_t>(slot);
}

bool Table::remove(uint32_t slot) {
  if (!holds(slot)) return false;
  const uint32_t bucket = slot / kWays;
  uint32_t passed = home(hash(entry(slot)));
  for (uint32_t probes = 0; passed != bucket && probes < buckets_; ++probes, passed = next(passed)) {
    uint8_t* at = control_ + size_t{passed} * 16 + kWays;
    uint16_t overflows;
    memcpy(&overflows, at, 2);
    if (overflows != UINT16_MAX && overflows != 0) --overflows;
    memcpy(at, &overflows, 2);
  }
  control_[size_t{bucket} * 16 + slot % kWays] = 0;
  --header_->live;
  return true;
}

void Table::forgetOldest(uint64_t hash, uint32_t now) {
  int32_t oldest = kNone;
  uint32_t most = 0, bucket = home(hash);
  // Beyond the window only while it held nothing at all.
  for (uint32_t i = 0; i < buckets_ && (i < kWindow || oldest == kNone); ++i, bucket = next(bucket)) {
    for (uint32_t slot = bucket * kWays; slot < (bucket + 1) * kWays; ++slot) {
      if (!holds(slot)) continue;
      const uint32_t its = age(now, seen(slot));
      if (oldest != kNone && its <= most) continue;
      oldest = static_cast<int32_t>(slot);
      most = its;
    }
  }
  if (oldest != kNone && remove(static_cast<uint32_t>(oldest))) ++header_->forgotten;
}

uint32_t Table::lookup(const uint32_t* keys, uint32_t n, uint32_t now, uint32_t timeout,
                       int32_t* slots) const {
  uint64_t hashes[kStaged];
  uint32_t found = 0;
  staged(
      n, [&](uint32_t i) { prefetch(hashes[i % kStaged] = hash(keys + size_t{i} * keyWords_)); },
      [&](uint32_t i) { prefetchEntry(hashes[i % kStaged]); },
      [&](uint32_t i) {
        const int32_t slot = find(keys + size_t{i} * keyWords_, hashes[i % kStaged]);
        const bool there = slot != kNone && !older(static_cast<uint32_t>(slot), now, timeout);
        slots[i] = there ? slot : kNone;
        found += there;
      });
  return found;
}

template <uint32_t kWords>
uint32_t Table::upsertKeys(const uint32_t* keys, uint32_t n, uint32_t now, uint32_t timeout,
                           WhenFull whenFull, int32_t* slots, uint8_t* fresh) {
  const uint32_t words = kWords == 0 ? keyWords_ : kWords;
  uint64_t hashes[kStaged];
  uint32_t added = 0;
  const auto expired = [&](uint32_t slot) { return older(slot, now, timeout); };
  const auto one = [&](const uint32_t* key, uint64_t hash, uint8_t& isNew) {
    int32_t slot = find<kWords>(key, hash);
    isNew = 0;
    if (slot != kNone) {
      const auto held = static_cast<uint32_t>(slot);
      if (!expired(held)) return slot;
      // The key comes back after its time: as if it had been swept.
      for (uint32_t* word = value(held); word != entry(held) + stride_; ++word) *word = 0;
      ++header_->expired;
    } else {
      reclaim(hash, expired);
      if (full() && whenFull == WhenFull::kForgetOldest) forgetOldest(hash, now);
      if (!full()) slot = insert(key, hash);
      if (slot == kNone) {
        ++header_->refused;
        return kNone;
      }
    }
    isNew = 1;
    ++added;
    return slot;
  };
  staged(
      n, [&](uint32_t i) { prefetch(hashes[i % kStaged] = hash<kWords>(keys + size_t{i} * words)); },
      [&](uint32_t i) { prefetchPlace(hashes[i % kStaged]); },
      [&](uint32_t i) {
        const int32_t slot = one(keys + size_t{i} * words, hashes[i % kStaged], fresh[i]);
        if (slot != kNone) seen(static_cast<uint32_t>(slot)) = now;
        slots[i] = slot;
      });
  return added;
}

uint32_t Table::upsert(const uint32_t* keys, uint32_t n, uint32_t now, uint32_t timeout, WhenFull whenFull,
                       int32_t* slots, uint8_t* fresh) {
  // Scans have keys of three words, and all packets that may open a flow are looked up among them.
  return keyWords_ == 3 ? upsertKeys<3>(keys, n, now, timeout, whenFull, slots, fresh)
                        : upsertKeys<0>(keys, n, now, timeout, whenFull, slots, fresh);
}

}  // namespace potemkin
