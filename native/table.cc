#include "table.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace potemkin {

namespace {

constexpr uint32_t kMagic = 0x70746232;  // "ptb2"
constexpr uint32_t kMostKeyWords = 8, kMostValueWords = 64, kMostCapacity = 1u << 30;
constexpr uint32_t kLine = 64;

// Entries beyond capacity, for what is in the table twice while it moves: see flow_settle.cc.
uint32_t slotsFor(uint32_t capacity) {
  return capacity + std::min(capacity, Table::kSpare);
}

uint32_t bucketsFor(uint32_t capacity) {
  const auto over = [](uint32_t n, uint32_t by) { return (n + by - 1) / by; };
  // There is a place for every entry, so that only a lack of entries can be in the way of a key.
  return std::max(over(capacity, Table::kFill), over(slotsFor(capacity), Table::kWays));
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

// The count of overflows sticks at its end, where removing could not tell what it should be.
void countOverflow(uint8_t* bucket, int by) {
  uint16_t overflows;
  memcpy(&overflows, bucket + TableBucket::kOverflowsAt, 2);
  if (overflows == UINT16_MAX || (by < 0 && overflows == 0)) return;
  overflows = static_cast<uint16_t>(overflows + by);
  memcpy(bucket + TableBucket::kOverflowsAt, &overflows, 2);
}

size_t lined(size_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine;
}

// Where parts lie, from the first line on.
struct Layout {
  size_t live, entries, end;

  explicit Layout(const TableShape& shape)
      : live(size_t{bucketsFor(shape.capacity)} * TableBucket::kBytes),
        entries(live + lined(size_t{slotsFor(shape.capacity)} / 8 + 4)),
        end(entries + size_t{slotsFor(shape.capacity)} * 4 * strideOf(shape)) {}
};

}  // namespace

size_t Table::bytes(const TableShape& shape) {
  check(shape);
  // One line more than needed, so that parts can begin on a line wherever the memory begins.
  return kLine + lined(sizeof(TableHeader)) + Layout(shape).end;
}

void Table::create(std::span<uint8_t> memory, const TableShape& shape, const uint64_t seed[2]) {
  if (memory.size() != bytes(shape)) throw std::invalid_argument("the memory is not of the table's size");
  const auto base = reinterpret_cast<uintptr_t>(memory.data());
  if (base % 8 != 0) throw std::invalid_argument("a table's memory must be aligned to 8 bytes");
  const size_t indexAt = lined(base + sizeof(TableHeader)) - base;
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
  header->buckets = bucketsFor(shape.capacity);
  header->indexAt = static_cast<uint32_t>(indexAt);
  header->entriesLine = static_cast<uint32_t>(Layout(shape).entries / kLine);
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
  slots_ = slotsFor(shape.capacity);
  const Layout layout(shape);
  if (memory.size() != bytes(shape) || header.buckets != buckets_ || header.indexAt < sizeof(TableHeader) ||
      header.indexAt % 4 != 0 || header.entriesLine != layout.entries / kLine ||
      header.indexAt + layout.end > memory.size()) {
    fail();
  }
  // SAFETY: all parts were just seen to lie within the memory, behind the header and one another.
  index_ = memory.data() + header.indexAt;
  live_ = reinterpret_cast<uint32_t*>(index_ + layout.live);
  entries_ = reinterpret_cast<uint32_t*>(index_ + layout.entries);
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

int32_t Table::takeEntry() {
  uint32_t slot = header_->free - 1;
  // Damaged contents may name an entry that is in use, and so make two keys one.
  if (slot < slots_) {
    header_->free = *entry(slot);
    if (header_->free - 1 < slots_) __builtin_prefetch(entry(header_->free - 1));
  } else if (header_->used < slots_) {
    slot = header_->used++;
  } else {
    return kNone;
  }
  live_[slot / 32] |= 1u << slot % 32;
  ++header_->live;
  return static_cast<int32_t>(slot);
}

void Table::freeEntry(uint32_t slot) {
  live_[slot / 32] &= ~(1u << slot % 32);
  *entry(slot) = header_->free;
  header_->free = slot + 1;
  --header_->live;
  if (header_->live == 0) header_->used = header_->free = 0;
}

int32_t Table::insert(const uint32_t* key, uint64_t hash) {
  const auto freeWay = [this](uint32_t at) { return TableBucket(bucket(at)).matching(0).take(); };
  uint32_t at = home(hash);
  uint32_t way = freeWay(at);
  for (uint32_t probes = 1; way == kWays; ++probes, way = freeWay(at)) {
    if (probes == buckets_) return kNone;
    at = next(at);
  }
  const int32_t taken = takeEntry();
  if (taken == kNone) return kNone;
  for (uint32_t passed = home(hash); passed != at; passed = next(passed)) countOverflow(bucket(passed), 1);
  const auto slot = static_cast<uint32_t>(taken);
  uint8_t* in = bucket(at);
  in[way] = tagOf(hash);
  memcpy(in + TableBucket::kNumbersAt + size_t{way} * 4, &slot, 4);
  uint32_t* held = entry(slot);
  for (uint32_t i = 0; i < keyWords_; ++i) held[i] = key[i];
  for (uint32_t i = keyWords_; i < stride_; ++i) held[i] = 0;
  return taken;
}

bool Table::remove(uint32_t slot) {
  if (!holds(slot)) return false;
  const uint64_t hash = this->hash(entry(slot));
  const auto wayOf = [&](uint32_t at) {
    auto ways = TableBucket(bucket(at)).matching(tagOf(hash));
    uint32_t way = ways.take();
    while (way != kWays && named(bucket(at), way) != slot) way = ways.take();
    return way;
  };
  uint32_t at = home(hash);
  uint32_t way = wayOf(at);
  for (uint32_t probes = 1; way == kWays && probes < buckets_; ++probes, way = wayOf(at)) at = next(at);
  // Otherwise contents are damaged, and nothing names the entry.
  if (way != kWays) {
    bucket(at)[way] = 0;
    for (uint32_t passed = home(hash); passed != at; passed = next(passed)) countOverflow(bucket(passed), -1);
  }
  freeEntry(slot);
  return true;
}

void Table::forgetOldest(uint32_t now) {
  const uint32_t end = used(), window = std::min(kWindow, end);
  const auto following = [&](uint32_t slot) { return slot + 1 < end ? slot + 1 : 0; };
  uint32_t slot = header_->cursor < end ? header_->cursor : 0;
  slot = slot < window ? slot + end - window : slot - window;
  int32_t oldest = kNone;
  uint32_t most = 0;
  // Beyond the window only while it held nothing at all.
  for (uint32_t i = 0; i < end && (i < window || oldest == kNone); ++i, slot = following(slot)) {
    if (!holds(slot)) continue;
    const uint32_t its = age(now, seen(slot));
    if (oldest != kNone && its <= most) continue;
    oldest = static_cast<int32_t>(slot);
    most = its;
  }
  if (oldest == kNone || !remove(static_cast<uint32_t>(oldest))) return;
  ++header_->forgotten;
  // The next window begins behind it, so that of those that are equally old each has its turn.
  header_->cursor = following(static_cast<uint32_t>(oldest));
}

uint32_t Table::lookup(const uint32_t* keys, uint32_t n, uint32_t now, uint32_t timeout,
                       int32_t* slots) const {
  uint64_t hashes[kStaged];
  int32_t likelies[kStaged];
  uint32_t found = 0;
  staged(
      n, [&](uint32_t i) { prefetch(hashes[i % kStaged] = hash(keys + size_t{i} * keyWords_)); },
      [&](uint32_t i) { likelies[i % kStaged] = likely(hashes[i % kStaged]); },
      [&](uint32_t i) {
        const int32_t slot = find(keys + size_t{i} * keyWords_, hashes[i % kStaged], likelies[i % kStaged]);
        const bool there = slot != kNone && !older(static_cast<uint32_t>(slot), now, timeout);
        slots[i] = there ? slot : kNone;
        found += there;
      });
  return found;
}

uint32_t Table::upsert(const uint32_t* keys, uint32_t n, uint32_t now, uint32_t timeout, WhenFull whenFull,
                       int32_t* slots, uint8_t* fresh) {
  uint64_t hashes[kStaged];
  int32_t likelies[kStaged];
  uint32_t added = 0;
  staged(
      n, [&](uint32_t i) { prefetch(hashes[i % kStaged] = hash(keys + size_t{i} * keyWords_)); },
      [&](uint32_t i) { likelies[i % kStaged] = likely(hashes[i % kStaged]); },
      [&](uint32_t i) {
        bool isNew;
        slots[i] = upsert(keys + size_t{i} * keyWords_, hashes[i % kStaged], likelies[i % kStaged], now,
                          timeout, whenFull, isNew);
        fresh[i] = isNew;
        added += isNew;
      });
  return added;
}

}  // namespace potemkin
