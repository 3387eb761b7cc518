// The memory of a guest in another process: a private mapping of a memory file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "pagescan.h"

namespace potemkin {

// Bytes of the mapping by what its pages are.
struct MappingBytes {
  uint64_t dirty;  // copies of the process's own
  uint64_t clean;  // the file's own, mapped now
};

// Holds on to the address space that the process has when it is made, so a process that gets the same number
// later is never read or written. Every call throws std::system_error, ESRCH once that address space is gone.
//
// Through /proc/PID/mem: for a page it is quicker than process_vm_writev, which looks the process up each
// time.
class ProcessMemory {
 public:
  // The mapping is `size` bytes at `base`, a multiple of the page size.
  ProcessMemory(pid_t pid, uint64_t base, uint64_t size, ScanMethod method);
  ~ProcessMemory();
  ProcessMemory(const ProcessMemory&) = delete;
  ProcessMemory& operator=(const ProcessMemory&) = delete;

  // Bytes of the pages that are copies.
  uint64_t Delta();
  MappingBytes Measure();
  // Pairs of first page and number of pages, in order, not touching each other. Good until the next call.
  const std::vector<uint32_t>& DirtyRanges();

  // The caller has checked that the window lies inside of the mapping.
  void Read(uint64_t offset, std::span<uint8_t> into);
  void Write(uint64_t offset, std::span<const uint8_t> from);

  uint64_t size() const { return size_; }

 private:
  void Scan(ScanScope scope);

  PageScanner scanner_;
  int mem_;
  uint64_t base_;
  uint64_t size_;
  uint64_t page_;
  std::vector<PageRun> runs_;
  std::vector<uint32_t> ranges_;
};

}  // namespace potemkin
