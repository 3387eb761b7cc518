// The copy-on-write memory pool: sealed reference images, private clones of them, and an account of what the
// clones cost. Not thread-safe: each thread has pools of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "pageclone.h"
#include "pageimage.h"
#include "pagescan.h"
#include "poolfailure.h"

namespace potemkin {

struct PoolLimits {
  uint64_t budget;  // bytes of deltas, page tables and bookkeeping of all clones
  uint64_t cap;     // bytes of delta of one clone
  uint64_t clones;  // clones at once
};

struct PoolAccounts {
  uint64_t clones = 0;
  uint64_t delta = 0;      // bytes of the pages that clones have copied
  uint64_t tables = 0;     // bytes of page tables and bookkeeping
  uint64_t reference = 0;  // bytes of memory of the images
};

// Images and clones are named by numbers that are never 0. A clone's number carries a generation, so that the
// number of a closed clone is refused for the next 4,095 uses of its slot. Every function throws PoolFailure.
class PagePool {
 public:
  // Throws std::system_error if the scan method asked for is missing.
  PagePool(const PoolLimits& limits, ScanMethod method);
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  uint32_t AddImage(ReferenceImage image);
  ReferenceImage& Image(uint32_t image);
  // Refused with POOL_BUSY while it has clones.
  void CloseImage(uint32_t image);

  uint32_t Clone(uint32_t image);
  void CloseClone(uint32_t clone);

  void Read(uint32_t clone, uint64_t offset, std::span<uint8_t> into);
  // All or nothing: refused with POOL_CAP or POOL_BUDGET before a byte is written.
  void Write(uint32_t clone, uint64_t offset, std::span<const uint8_t> from);
  // Copies pages without changing them. A refusal carries the index of the page refused.
  void Touch(uint32_t clone, std::span<const uint32_t> pages);

  // One window of `length` bytes each of many clones, packed one after the other. Failures carry the index.
  void Gather(std::span<const uint32_t> clones, std::span<const double> offsets, size_t length,
              std::span<uint8_t> into);
  void Scatter(std::span<const uint32_t> clones, std::span<const double> offsets, size_t length,
               std::span<const uint8_t> from);

  void Reset(uint32_t clone);
  void Measure(uint32_t clone);
  void MeasureAll();
  // Pairs of first page and number of pages, in order. Both measure first.
  std::vector<uint32_t> DirtyRanges(uint32_t clone);
  std::vector<uint32_t> Diff(uint32_t one, uint32_t other);

  uint64_t DeltaOf(uint32_t clone) { return Find(clone).delta().dirty() * page_size_; }
  // A number that grows with every write, touch and reset.
  uint64_t ChangesOf(uint32_t clone) { return Find(clone).changes(); }
  PoolAccounts Accounts() const;
  bool scans_by_ioctl() const { return scanner_.uses_ioctl(); }

 private:
  struct Slot {
    std::unique_ptr<PageClone> clone;
    uint32_t generation = 0;
  };

  PageClone& Find(uint32_t clone);
  void CheckWindow(const PageClone& clone, uint64_t offset, uint64_t length) const;
  void Reserve(const PageClone& clone, uint64_t first, uint64_t end) const;
  uint64_t Used() const;
  // Runs change(clone), which may change its delta, and keeps the sums.
  template <typename Change>
  void Account(PageClone& clone, Change change);

  PoolLimits limits_;
  uint64_t page_size_;
  uint64_t max_mappings_;
  PageScanner scanner_;
  // Images before slots: clones refer to images and must go first.
  std::map<uint32_t, ReferenceImage> images_;
  uint32_t last_image_ = 0;
  std::vector<Slot> slots_;
  std::deque<uint32_t> free_;
  uint64_t clones_ = 0;
  uint64_t dirty_ = 0;
  uint64_t tables_ = 0;
};

}  // namespace potemkin
