#include "pagecow.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

namespace potemkin {
namespace {

constexpr unsigned kSlotBits = 20;
constexpr uint32_t kSlotMask = (1u << kSlotBits) - 1;
constexpr uint32_t kGenerations = 1u << (32 - kSlotBits);

// What a clone costs before it is touched: its mapping in the kernel and its record here.
constexpr uint64_t kCloneBytes = 1024;

// Mappings left for the rest of the process: libraries, stacks, the heap of V8.
constexpr uint64_t kOtherMappings = 4096;

uint64_t MaxMappings() {
  uint64_t limit = 65530;
  std::ifstream("/proc/sys/vm/max_map_count") >> limit;
  return limit > 2 * kOtherMappings ? limit - kOtherMappings : limit / 2;
}

// Offsets come as JavaScript numbers. Written so that NaN fails.
bool IsOffset(double offset) {
  return offset >= 0 && offset < 9007199254740992.0 &&
         static_cast<double>(static_cast<uint64_t>(offset)) == offset;
}

void AppendPage(std::vector<uint32_t>& ranges, uint64_t page) {
  const size_t n = ranges.size();
  if (n != 0 && uint64_t{ranges[n - 2]} + ranges[n - 1] == page) {
    ranges[n - 1]++;
  } else {
    ranges.push_back(static_cast<uint32_t>(page));
    ranges.push_back(1);
  }
}

// Runs step(i) for each entry of a batch; a failure says at which it was.
template <typename Step>
void Each(size_t count, Step step) {
  for (size_t i = 0; i < count; i++) {
    try {
      step(i);
    } catch (PoolFailure& failure) {
      failure.index = i;
      throw;
    }
  }
}

// Runs step(clone, offset, at) for each window of a batch, `at` being where it lies in the packed bytes.
template <typename Step>
void EachWindow(std::span<const uint32_t> clones, std::span<const double> offsets, size_t length,
                size_t bytes, Step step) {
  if (offsets.size() < clones.size() || (length != 0 && bytes / length < clones.size())) {
    throw PoolFailure(pool::kRange, "the batch is longer than its offsets or its bytes");
  }
  Each(clones.size(), [&](size_t i) {
    if (!IsOffset(offsets[i])) throw PoolFailure(pool::kRange, "an offset is not a whole number");
    step(clones[i], static_cast<uint64_t>(offsets[i]), i * length);
  });
}

}  // namespace

PagePool::PagePool(const PoolLimits& limits, ScanMethod method)
    : limits_(limits),
      page_size_(static_cast<uint64_t>(::sysconf(_SC_PAGESIZE))),
      max_mappings_(MaxMappings()),
      scanner_(method) {}

uint32_t PagePool::AddImage(ReferenceImage image) {
  // Page numbers are 32 bits wide in ranges.
  if (image.size() / page_size_ > UINT32_MAX) throw PoolFailure(pool::kRange, "the image is too large");
  images_.emplace(++last_image_, std::move(image));
  return last_image_;
}

ReferenceImage& PagePool::Image(uint32_t image) {
  const auto found = images_.find(image);
  if (found == images_.end()) throw PoolFailure(pool::kClosed, "the image is closed");
  return found->second;
}

void PagePool::CloseImage(uint32_t image) {
  if (Image(image).clones != 0) {
    throw PoolFailure(pool::kBusy, "the image has " + std::to_string(Image(image).clones) + " clones");
  }
  images_.erase(image);
}

PageClone& PagePool::Find(uint32_t clone) {
  const uint32_t slot = clone & kSlotMask;
  if (slot >= slots_.size() || !slots_[slot].clone || slots_[slot].generation != clone >> kSlotBits) {
    throw PoolFailure(pool::kClosed, "the clone is closed");
  }
  return *slots_[slot].clone;
}

uint32_t PagePool::Clone(uint32_t number) {
  ReferenceImage& image = Image(number);
  if (clones_ >= limits_.clones || clones_ > kSlotMask) {
    throw PoolFailure(pool::kClones, "the pool has its " + std::to_string(clones_) + " clones");
  }
  if (CloneMappings() >= max_mappings_) {
    throw PoolFailure(pool::kClones, "the process has " + std::to_string(CloneMappings()) +
                                         " clones, all that vm.max_map_count has room for");
  }
  if (limits_.budget - std::min(limits_.budget, Used()) < kCloneBytes) {
    throw PoolFailure(pool::kBudget,
                      "no room for a clone in the budget of " + std::to_string(limits_.budget) + " bytes");
  }
  auto clone = std::make_unique<PageClone>(image, page_size_);
  if (free_.empty()) {
    slots_.emplace_back();
    free_.push_back(static_cast<uint32_t>(slots_.size() - 1));
  }
  // First in, first out: a slot rests as long as possible before its next generation.
  const uint32_t slot = free_.front();
  free_.pop_front();
  slots_[slot].generation = slots_[slot].generation % (kGenerations - 1) + 1;
  slots_[slot].clone = std::move(clone);
  clones_++;
  return slots_[slot].generation << kSlotBits | slot;
}

void PagePool::CloseClone(uint32_t number) {
  PageClone& clone = Find(number);
  dirty_ -= clone.delta().dirty();
  tables_ -= clone.delta().tables();
  clones_--;
  slots_[number & kSlotMask].clone.reset();
  free_.push_back(number & kSlotMask);
}

uint64_t PagePool::Used() const {
  return (dirty_ + tables_) * page_size_ + clones_ * kCloneBytes;
}

PoolAccounts PagePool::Accounts() const {
  PoolAccounts accounts{clones_, dirty_ * page_size_, tables_ * page_size_ + clones_ * kCloneBytes, 0};
  for (const auto& [number, image] : images_) accounts.reference += image.used();
  return accounts;
}

void PagePool::CheckWindow(const PageClone& clone, uint64_t offset, uint64_t length) const {
  if (offset > clone.size() || length > clone.size() - offset) {
    throw PoolFailure(pool::kRange, "the window " + std::to_string(offset) + "+" + std::to_string(length) +
                                        " is not inside the clone of " + std::to_string(clone.size()) +
                                        " bytes");
  }
}

void PagePool::Reserve(const PageClone& clone, uint64_t first, uint64_t end) const {
  const DeltaMap::Cost cost = clone.delta().CostOf(first, end);
  // Only what grows is refused, so that a pool over its budget can still be written where it is dirty
  // already.
  if (cost.pages == 0) return;
  if ((clone.delta().dirty() + cost.pages) * page_size_ > limits_.cap) {
    throw PoolFailure(pool::kCap, "the clone would differ from its image by more than " +
                                      std::to_string(limits_.cap) + " bytes");
  }
  if (Used() + (cost.pages + cost.tables) * page_size_ > limits_.budget) {
    throw PoolFailure(pool::kBudget,
                      "the clones would exceed the budget of " + std::to_string(limits_.budget) + " bytes");
  }
}

template <typename Change>
void PagePool::Account(PageClone& clone, Change change) {
  dirty_ -= clone.delta().dirty();
  tables_ -= clone.delta().tables();
  // A change that fails halfway has changed the delta all the same.
  struct Sum {
    PagePool& pool;
    const PageClone& clone;
    ~Sum() {
      pool.dirty_ += clone.delta().dirty();
      pool.tables_ += clone.delta().tables();
    }
  } sum{*this, clone};
  change();
}

void PagePool::Read(uint32_t number, uint64_t offset, std::span<uint8_t> into) {
  PageClone& clone = Find(number);
  CheckWindow(clone, offset, into.size());
  Account(clone, [&] { clone.Read(offset, into); });
}

void PagePool::Write(uint32_t number, uint64_t offset, std::span<const uint8_t> from) {
  PageClone& clone = Find(number);
  CheckWindow(clone, offset, from.size());
  Reserve(clone, offset / page_size_, (offset + from.size() + page_size_ - 1) / page_size_);
  Account(clone, [&] { clone.Write(offset, from); });
}

void PagePool::Touch(uint32_t number, std::span<const uint32_t> pages) {
  PageClone& clone = Find(number);
  Each(pages.size(), [&](size_t i) {
    if (pages[i] >= clone.pages()) {
      throw PoolFailure(pool::kRange, "the clone has no page " + std::to_string(pages[i]));
    }
    Reserve(clone, pages[i], uint64_t{pages[i]} + 1);
    Account(clone, [&] { clone.Touch(pages[i]); });
  });
}

void PagePool::Gather(std::span<const uint32_t> clones, std::span<const double> offsets, size_t length,
                      std::span<uint8_t> into) {
  EachWindow(clones, offsets, length, into.size(), [&](uint32_t clone, uint64_t offset, size_t at) {
    Read(clone, offset, into.subspan(at, length));
  });
}

void PagePool::Scatter(std::span<const uint32_t> clones, std::span<const double> offsets, size_t length,
                       std::span<const uint8_t> from) {
  EachWindow(clones, offsets, length, from.size(), [&](uint32_t clone, uint64_t offset, size_t at) {
    Write(clone, offset, from.subspan(at, length));
  });
}

void PagePool::Reset(uint32_t number) {
  PageClone& clone = Find(number);
  Account(clone, [&] { clone.Reset(); });
}

void PagePool::Measure(uint32_t number) {
  PageClone& clone = Find(number);
  Account(clone, [&] { clone.Measure(scanner_); });
}

void PagePool::MeasureAll() {
  for (const Slot& slot : slots_) {
    if (slot.clone) Account(*slot.clone, [&] { slot.clone->Measure(scanner_); });
  }
}

std::vector<uint32_t> PagePool::DirtyRanges(uint32_t number) {
  Measure(number);
  std::vector<uint32_t> ranges;
  Find(number).delta().EachDirty([&](uint64_t page) { AppendPage(ranges, page); });
  return ranges;
}

std::vector<uint32_t> PagePool::Diff(uint32_t one, uint32_t other) {
  PageClone& a = Find(one);
  PageClone& b = Find(other);
  if (a.image() != b.image()) throw PoolFailure(pool::kImage, "the clones are of different images");
  if (&a == &b) return {};
  Measure(one);
  Measure(other);
  std::vector<uint64_t> pages;
  a.delta().EachDirty([&](uint64_t page) { pages.push_back(page); });
  b.delta().EachDirty([&](uint64_t page) {
    if (!a.delta().IsDirty(page)) pages.push_back(page);
  });
  std::sort(pages.begin(), pages.end());
  std::vector<uint32_t> ranges;
  Account(a, [&] {
    Account(b, [&] {
      for (const uint64_t page : pages) {
        if (!a.Same(b, page)) AppendPage(ranges, page);
      }
    });
  });
  return ranges;
}

}  // namespace potemkin
