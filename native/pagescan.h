// Finds the pages of a private file mapping that a process has made its own copy of.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace potemkin {

enum class ScanMethod {
  kAuto,     // the ioctl where the kernel has it
  kIoctl,    // PAGEMAP_SCAN, Linux 6.7: cost follows the pages that are mapped
  kPagemap,  // the entries of /proc/PID/pagemap: 8 bytes read per page of the mapping
};

// Which pages are looked for. Fewer runs are found, and so less is copied, when only copies count.
enum class ScanScope { kMapped, kDirty };

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
  // Looks at the process `pid`, or at this one if it is 0. What it looks at is the address space that the
  // process has now: not that of a program it executes later, nor of another process that gets the same
  // number. Throws std::system_error if the pagemap cannot be opened or the method asked for is missing.
  explicit PageScanner(ScanMethod method, pid_t pid = 0);
  ~PageScanner();
  PageScanner(const PageScanner&) = delete;
  PageScanner& operator=(const PageScanner&) = delete;

  // Replaces runs by those of the mapping at the address base, in order; page numbers count from base.
  // Neighbouring runs of the same kind are not always merged. Throws std::system_error. A process that has
  // ended has no pages; with kPagemap it is an error.
  void Scan(uint64_t base, uint64_t bytes, ScanScope scope, std::vector<PageRun>& runs);

  bool uses_ioctl() const { return ioctl_; }

 private:
  void ScanIoctl(uint64_t start, uint64_t end, ScanScope scope, std::vector<PageRun>& runs);
  void ScanPagemap(uint64_t start, uint64_t end, ScanScope scope, std::vector<PageRun>& runs);

  std::string path_;
  int fd_ = -1;
  bool ioctl_ = false;
  uint64_t page_;
  std::vector<uint64_t> entries_;
};

}  // namespace potemkin
