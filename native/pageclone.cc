#include "pageclone.h"

#include <sys/mman.h>

#include <atomic>
#include <cstring>

#include "poolfailure.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace potemkin {
namespace {

// The one thing that the pools of all threads share, because the kernel's bound is on the process.
std::atomic<uint64_t> mappings{0};

uint8_t* Map(const ReferenceImage& image) {
  if (!image.sealed()) throw PoolFailure(pool::kUnsealed, "only a sealed image can be cloned");
  void* base =
      ::mmap(nullptr, image.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, image.fd(), 0);
  if (base == MAP_FAILED) throw PoolFailure::System("mmap");
  // A child would copy the page tables of every clone, and a core dump would hold the memory of every clone.
  if (::madvise(base, image.size(), MADV_DONTFORK) < 0 || ::madvise(base, image.size(), MADV_DONTDUMP) < 0) {
    const PoolFailure failure = PoolFailure::System("madvise");
    ::munmap(base, image.size());
    throw failure;
  }
  mappings++;
  return static_cast<uint8_t*>(base);
}

}  // namespace

uint64_t CloneMappings() {
  return mappings;
}

PageClone::PageClone(ReferenceImage& image, uint64_t page_size)
    : image_(image),
      size_(image.size()),
      page_size_(page_size),
      base_(Map(image)),
      delta_(reinterpret_cast<uint64_t>(base_) / page_size, size_ / page_size) {
  image_.clones++;
}

PageClone::~PageClone() {
  ::munmap(base_, size_);
  image_.clones--;
  mappings--;
}

// SAFETY (of all below): the window lies inside the size_ bytes mapped at base_, which stay mapped until the
// destructor; the file cannot shrink under them (F_SEAL_SHRINK), so no access raises SIGBUS for a missing
// page.

void PageClone::Read(uint64_t offset, std::span<uint8_t> into) {
  if (into.empty()) return;
  delta_.Touch(offset / page_size_, PagesEnd(offset, into.size()));
  std::memcpy(into.data(), base_ + offset, into.size());
}

void PageClone::Write(uint64_t offset, std::span<const uint8_t> from) {
  if (from.empty()) return;
  delta_.Dirty(offset / page_size_, PagesEnd(offset, from.size()));
  changes_++;
  std::memcpy(base_ + offset, from.data(), from.size());
}

void PageClone::Touch(uint64_t page) {
  delta_.Dirty(page, page + 1);
  uint8_t* byte = base_ + page * page_size_;
  // One write fault. Reading first would be two, and would map the neighbours of the page as well.
  if (::madvise(byte, page_size_, MADV_POPULATE_WRITE) < 0) {
    if (errno != EINVAL) throw PoolFailure::System("MADV_POPULATE_WRITE");
    // Before Linux 5.14.
    volatile uint8_t* same = byte;
    *same = *same;
  }
  changes_++;
}

void PageClone::Reset() {
  // The whole range in one call: it costs what is mapped, and a page that was written behind our back goes as
  // well.
  if (::madvise(base_, size_, MADV_DONTNEED) < 0) throw PoolFailure::System("madvise");
  delta_.Clean();
  changes_++;
}

void PageClone::Measure(PageScanner& scanner) {
  std::vector<PageRun> runs;
  scanner.Scan(reinterpret_cast<uint64_t>(base_), size_, ScanScope::kMapped, runs);
  delta_.Clean();
  for (const PageRun& run : runs) {
    if (run.dirty) {
      delta_.Dirty(run.first, run.end);
    } else {
      delta_.Touch(run.first, run.end);
    }
  }
}

bool PageClone::Same(PageClone& other, uint64_t page) {
  delta_.Touch(page, page + 1);
  other.delta_.Touch(page, page + 1);
  const uint64_t offset = page * page_size_;
  return std::memcmp(base_ + offset, other.base_ + offset, page_size_) == 0;
}

}  // namespace potemkin
