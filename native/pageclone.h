// One clone of a reference image: a private mapping of its memory file.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "deltamap.h"
#include "pageimage.h"
#include "pagescan.h"

namespace potemkin {

// Mappings that all pools of this process hold now. vm.max_map_count bounds them per process, not per pool.
uint64_t CloneMappings();

// Windows must lie inside the clone; PagePool has checked them.
class PageClone {
 public:
  // Maps a sealed image. Throws PoolFailure.
  PageClone(ReferenceImage& image, uint64_t page_size);
  ~PageClone();
  PageClone(const PageClone&) = delete;
  PageClone& operator=(const PageClone&) = delete;

  void Read(uint64_t offset, std::span<uint8_t> into);
  void Write(uint64_t offset, std::span<const uint8_t> from);
  // Copies a page without changing it.
  void Touch(uint64_t page);
  // Every page shows the reference again.
  void Reset();
  // Finds out from the kernel which pages are dirty.
  void Measure(PageScanner& scanner);
  // Whether the same page of two clones of one size has the same bytes.
  bool Same(PageClone& other, uint64_t page);

  uint64_t size() const { return size_; }
  uint64_t pages() const { return size_ / page_size_; }
  const ReferenceImage* image() const { return &image_; }
  const DeltaMap& delta() const { return delta_; }
  uint64_t changes() const { return changes_; }

 private:
  uint64_t PagesEnd(uint64_t offset, size_t length) const {
    return (offset + length + page_size_ - 1) / page_size_;
  }

  ReferenceImage& image_;
  uint64_t size_;
  uint64_t page_size_;
  uint8_t* base_;
  DeltaMap delta_;
  uint64_t changes_ = 0;
};

}  // namespace potemkin
