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

constexpr uint32_t kMagic = 0x70746233;  // "ptb3"
constexpr uint32_t kMostKeyWords = 8, kMostValueWords = 64, kMostCapacity = 1u << 30;
constexpr uint32_t kLine = 64;

uint32_t bucketsFor(uint32_t capacity) {
  const auto over = [](uint32_t n, uint32_t by) { return (n + by - 1) / by; };
  // Places beyond capacity are for what is in the table twice while it moves: see flow_settle.cc.
  return std::max(over(capacity, Table::kFill),
                  over(capacity + std::min(capacity, Table::kSpare), Table::kWays));
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

// Where parts lie, from the control words on.
struct Layout {
  size_t entries, end;

  explicit Layout(const TableShape& shape)
      : entries(lined(size_t{bucketsFor(shape.capacity)} * TableBucket::kBytes)),
        end(entries + size_t{bucketsFor(shape.capacity)} * Table::kWays * 4 * strideOf(shape)) {}
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
  const size_t controlAt = lined(base + sizeof(TableHeader)) - base;
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
  header->controlAt = static_cast<uint32_t>(controlAt);
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
  slots_ = buckets_ * kWays;
  const Layout layout(shape);
  if (memory.size() != bytes(shape) || header.buckets != buckets_ || header.controlAt < sizeof(TableHeader) ||
      header.controlAt % 4 != 0 || header.entriesLine != layout.entries / kLine ||
      header.controlAt + layout.end > memory.size()) {
    fail();
  }
  // SAFETY: all parts were just seen to lie within the memory, behind the header and one another.
  control_ = memory.data() + header.controlAt;
  entries_ = reinterpret_cast<uint32_t*>(control_ + layout.entries);
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

int32_t Table::take(uint64_t hash) {
  const auto freeWay = [this](uint32_t at) { return TableBucket(bucket(at)).matching(0).take(); };
  const uint32_t home = this->home(hash);
  uint32_t at = home, way = freeWay(at);
  for (uint32_t probes = 1; way == kWays; ++probes, way = freeWay(at)) {
    if (probes == buckets_) return kNone;
    at = next(at);
  }
  for (uint32_t passed = home; passed != at; passed = next(passed)) countOverflow(bucket(passed), 1);
  bucket(at)[way] = tagOf(hash);
  ++header_->live;
  return static_cast<int32_t>(at * kWays + way);
}

bool Table::remove(uint32_t slot) {
  if (!holds(slot)) return false;
  const uint32_t at = slot / kWays;
  uint32_t passed = home(hash(entry(slot)));
  for (uint32_t probes = 0; passed != at && probes < buckets_; ++probes, passed = next(passed))
    countOverflow(bucket(passed), -1);
  *tag(slot) = 0;
  --header_->live;
  return true;
}

void Table::forgetOldest(uint32_t now) {
  const uint32_t end = slots_, window = std::min(kWindow, end);
  const auto following = [&](uint32_t slot) { return slot + 1 < end ? slot + 1 : 0; };
  uint32_t slot = header_->cursor % end;
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
      [&](uint32_t i) { likelies[i % kStaged] = likely(hashes[i % kStaged], false); },
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
      [&](uint32_t i) { likelies[i % kStaged] = likely(hashes[i % kStaged], true); },
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
