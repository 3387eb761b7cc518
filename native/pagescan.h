// Finds the pages of a private file mapping that this process has made its own copy of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace potemkin {

enum class ScanMethod {
  kAuto,     // the ioctl where the kernel has it
  kIoctl,    // PAGEMAP_SCAN, Linux 6.7: cost follows the pages that are mapped
  kPagemap,  // the entries of /proc/self/pagemap: 8 bytes read per page of the mapping
};

// Pages from first up to end that are mapped; dirty if they are copies, else they are the file's own.
struct PageRun {
  uint64_t first;
  uint64_t end;
  bool dirty;
};

// A copied page is anonymous memory, so it is one that is present or swapped out and does not belong to a
// file. (PAGE_IS_WRITTEN would say less: without userfaultfd write protection every mapped page counts as
// written.)
class PageScanner {
 public:
  // Throws std::system_error if /proc/self/pagemap cannot be opened or the method asked for is missing.
  explicit PageScanner(ScanMethod method);
  ~PageScanner();
  PageScanner(const PageScanner&) = delete;
  PageScanner& operator=(const PageScanner&) = delete;

  // Replaces runs by those of the mapping, in order; page numbers count from base. Neighbouring runs of the
  // same kind are not always merged. Throws std::system_error.
  void Scan(const void* base, size_t bytes, std::vector<PageRun>& runs);

  bool uses_ioctl() const { return ioctl_; }

 private:
  void ScanIoctl(uint64_t start, uint64_t end, std::vector<PageRun>& runs);
  void ScanPagemap(uint64_t start, uint64_t end, std::vector<PageRun>& runs);

  int fd_ = -1;
  bool ioctl_ = false;
  uint64_t page_;
  std::vector<uint64_t> entries_;
};

}  // namespace potemkin
