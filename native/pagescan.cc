#include "pagescan.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace potemkin {
namespace {

// linux/fs.h of Linux 6.7, which build machines may not have.
struct Region {
  uint64_t start, end, categories;
};

struct ScanArg {
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

constexpr unsigned long kPagemapScan = _IOWR('f', 16, ScanArg);
constexpr uint64_t kIsFile = 1 << 2, kIsPresent = 1 << 3, kIsSwapped = 1 << 4;

// Documentation/admin-guide/mm/pagemap.rst
constexpr uint64_t kEntryFile = uint64_t{1} << 61, kEntrySwapped = uint64_t{1} << 62,
                   kEntryPresent = uint64_t{1} << 63;

constexpr size_t kEntriesAtOnce = 8192;

[[noreturn]] void Fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int ScanOnce(int fd, ScanArg& arg) {
  int found;
  do {
    found = ::ioctl(fd, kPagemapScan, &arg);
  } while (found < 0 && errno == EINTR);
  return found;
}

ScanArg Pages(uint64_t start, uint64_t end, ScanScope scope, Region* regions, size_t length) {
  ScanArg arg{};
  arg.size = sizeof arg;
  arg.start = start;
  arg.end = end;
  arg.vec = reinterpret_cast<uint64_t>(regions);
  arg.vec_len = length;
  arg.category_anyof_mask = kIsPresent | kIsSwapped;
  arg.return_mask = kIsFile;
  if (scope == ScanScope::kDirty) arg.category_mask = arg.category_inverted = kIsFile;
  return arg;
}

}  // namespace

PageScanner::PageScanner(ScanMethod method, pid_t pid)
    : path_("/proc/" + (pid == 0 ? "self" : std::to_string(pid)) + "/pagemap"),
      page_(static_cast<uint64_t>(::sysconf(_SC_PAGESIZE))) {
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) Fail(path_);
  if (method == ScanMethod::kPagemap) return;
  Region region;
  ScanArg arg = Pages(0, page_, ScanScope::kMapped, &region, 1);
  ioctl_ = ScanOnce(fd_, arg) >= 0;
  if (!ioctl_ && method == ScanMethod::kIoctl) {
    const int error = errno;
    ::close(fd_);
    errno = error;
    Fail("PAGEMAP_SCAN");
  }
}

PageScanner::~PageScanner() {
  ::close(fd_);
}

void PageScanner::Scan(uint64_t base, uint64_t bytes, ScanScope scope, std::vector<PageRun>& runs) {
  runs.clear();
  if (ioctl_) {
    ScanIoctl(base, base + bytes, scope, runs);
  } else {
    ScanPagemap(base, base + bytes, scope, runs);
  }
}

void PageScanner::ScanIoctl(uint64_t start, uint64_t end, ScanScope scope, std::vector<PageRun>& runs) {
  std::array<Region, 256> regions;
  for (uint64_t at = start; at < end;) {
    ScanArg arg = Pages(at, end, scope, regions.data(), regions.size());
    const int found = ScanOnce(fd_, arg);
    if (found < 0) Fail("PAGEMAP_SCAN");
    for (size_t i = 0; i < static_cast<size_t>(found); i++) {
      const Region& region = regions[i];
      runs.push_back(
          {(region.start - start) / page_, (region.end - start) / page_, (region.categories & kIsFile) == 0});
    }
    // The walk stops early when the vector is full.
    if (arg.walk_end <= at) break;
    at = arg.walk_end;
  }
}

void PageScanner::ScanPagemap(uint64_t start, uint64_t end, ScanScope scope, std::vector<PageRun>& runs) {
  entries_.resize(kEntriesAtOnce);
  const uint64_t pages = (end - start) / page_;
  for (uint64_t at = 0; at < pages;) {
    const size_t wanted = std::min<uint64_t>(kEntriesAtOnce, pages - at);
    const auto offset = static_cast<off_t>((start / page_ + at) * sizeof(uint64_t));
    const ssize_t got = ::pread(fd_, entries_.data(), wanted * sizeof(uint64_t), offset);
    if (got < 0 && errno == EINTR) continue;
    // It ends early when the address space is gone.
    if (got == 0) errno = ESRCH;
    if (got < static_cast<ssize_t>(sizeof(uint64_t))) Fail(path_);
    const size_t read = static_cast<size_t>(got) / sizeof(uint64_t);
    for (size_t i = 0; i < read; i++) {
      if ((entries_[i] & (kEntryPresent | kEntrySwapped)) == 0) continue;
      const bool dirty = (entries_[i] & kEntryFile) == 0;
      if (!dirty && scope == ScanScope::kDirty) continue;
      const uint64_t page = at + i;
      if (!runs.empty() && runs.back().end == page && runs.back().dirty == dirty) {
        runs.back().end++;
      } else {
        runs.push_back({page, page + 1, dirty});
      }
    }
    at += read;
  }
}

}  // namespace potemkin
