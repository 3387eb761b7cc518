#include "processmemory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace potemkin {
namespace {

[[noreturn]] void Fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

// Moves all bytes of a window by pread or pwrite, which stop at pages that are not there, and return 0 when
// the address space is gone.
template <typename Move>
void MoveAll(Move move, uint64_t address, uint64_t bytes, const char* what) {
  for (uint64_t done = 0; done < bytes;) {
    const ssize_t moved = move(done, static_cast<off_t>(address + done));
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) Fail(moved == 0 ? ESRCH : errno, what);
    done += static_cast<uint64_t>(moved);
  }
}

}  // namespace

ProcessMemory::ProcessMemory(pid_t pid, uint64_t base, uint64_t size, ScanMethod method)
    : scanner_(method, pid), base_(base), size_(size), page_(static_cast<uint64_t>(::sysconf(_SC_PAGESIZE))) {
  const std::string path = "/proc/" + std::to_string(pid) + "/mem";
  mem_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (mem_ < 0) Fail(errno, path);
}

ProcessMemory::~ProcessMemory() {
  ::close(mem_);
}

void ProcessMemory::Scan(ScanScope scope) {
  scanner_.Scan(base_, size_, scope, runs_);
  // An address space that is gone has no pages, which the ioctl does not tell from one that has none yet.
  uint8_t byte;
  if (runs_.empty()) Read(0, {&byte, 1});
}

uint64_t ProcessMemory::Delta() {
  Scan(ScanScope::kDirty);
  uint64_t pages = 0;
  for (const PageRun& run : runs_) pages += run.end - run.first;
  return pages * page_;
}

MappingBytes ProcessMemory::Measure() {
  Scan(ScanScope::kMapped);
  MappingBytes bytes{};
  for (const PageRun& run : runs_) (run.dirty ? bytes.dirty : bytes.clean) += (run.end - run.first) * page_;
  return bytes;
}

const std::vector<uint32_t>& ProcessMemory::DirtyRanges() {
  Scan(ScanScope::kDirty);
  ranges_.clear();
  uint64_t end = UINT64_MAX;
  for (const PageRun& run : runs_) {
    const auto pages = static_cast<uint32_t>(run.end - run.first);
    if (run.first == end) {
      ranges_.back() += pages;
    } else {
      ranges_.push_back(static_cast<uint32_t>(run.first));
      ranges_.push_back(pages);
    }
    end = run.end;
  }
  return ranges_;
}

void ProcessMemory::Read(uint64_t offset, std::span<uint8_t> into) {
  // SAFETY: done is below the span's size.
  const auto move = [&](uint64_t done, off_t at) {
    return ::pread(mem_, into.data() + done, into.size() - done, at);
  };
  MoveAll(move, base_ + offset, into.size(), "read the process's memory");
}

void ProcessMemory::Write(uint64_t offset, std::span<const uint8_t> from) {
  // SAFETY: done is below the span's size.
  const auto move = [&](uint64_t done, off_t at) {
    return ::pwrite(mem_, from.data() + done, from.size() - done, at);
  };
  MoveAll(move, base_ + offset, from.size(), "write the process's memory");
}

}  // namespace potemkin
