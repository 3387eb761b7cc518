#include "pageimage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "poolfailure.h"

namespace potemkin {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr int kAllSeals = kSizeSeals | F_SEAL_WRITE | F_SEAL_SEAL;
constexpr unsigned kNoExec = 8;  // MFD_NOEXEC_SEAL, Linux 6.3

uint64_t PageSize() {
  return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

void CheckWindow(uint64_t size, uint64_t offset, size_t length) {
  if (offset > size || length > size - offset) {
    throw PoolFailure(pool::kRange, "the window " + std::to_string(offset) + "+" + std::to_string(length) +
                                        " is not inside the image of " + std::to_string(size) + " bytes");
  }
}

}  // namespace

ReferenceImage ReferenceImage::Create(uint64_t size) {
  if (size == 0 || size % PageSize() != 0) {
    throw PoolFailure(pool::kRange, "an image's size must be a multiple of " + std::to_string(PageSize()));
  }
  int fd = ::memfd_create("potemkin-image", MFD_CLOEXEC | MFD_ALLOW_SEALING | kNoExec);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create("potemkin-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throw PoolFailure::System("memfd_create");
  ReferenceImage image(fd, size, false);
  if (::ftruncate(fd, static_cast<off_t>(size)) < 0) throw PoolFailure::System("ftruncate");
  if (::fcntl(fd, F_ADD_SEALS, kSizeSeals) < 0) throw PoolFailure::System("F_ADD_SEALS");
  return image;
}

ReferenceImage ReferenceImage::Adopt(int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 && errno != EINVAL) throw PoolFailure::System("F_GET_SEALS");
  if (seals < 0 || (seals & kAllSeals) != kAllSeals) {
    throw PoolFailure(pool::kUnsealed, "the file is not a memory file sealed against every change");
  }
  struct stat status;
  if (::fstat(fd, &status) < 0) throw PoolFailure::System("fstat");
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size == 0 || size % PageSize() != 0) {
    throw PoolFailure(pool::kRange, "an image's size must be a multiple of " + std::to_string(PageSize()));
  }
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (own < 0) throw PoolFailure::System("F_DUPFD_CLOEXEC");
  return {own, size, true};
}

ReferenceImage::ReferenceImage(ReferenceImage&& other) noexcept
    : clones(other.clones), fd_(std::exchange(other.fd_, -1)), size_(other.size_), sealed_(other.sealed_) {}

ReferenceImage::~ReferenceImage() {
  if (fd_ >= 0) ::close(fd_);
}

void ReferenceImage::Read(uint64_t offset, std::span<uint8_t> into) const {
  CheckWindow(size_, offset, into.size());
  while (!into.empty()) {
    const ssize_t got = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw PoolFailure::System("pread");
    offset += static_cast<uint64_t>(got);
    into = into.subspan(static_cast<size_t>(got));
  }
}

void ReferenceImage::Write(uint64_t offset, std::span<const uint8_t> from) {
  if (sealed_) throw PoolFailure(pool::kSealed, "the image is sealed");
  CheckWindow(size_, offset, from.size());
  while (!from.empty()) {
    const ssize_t put = ::pwrite(fd_, from.data(), from.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) throw PoolFailure::System("pwrite");
    offset += static_cast<uint64_t>(put);
    from = from.subspan(static_cast<size_t>(put));
  }
}

void ReferenceImage::Seal() {
  if (sealed_) return;
  if (::fcntl(fd_, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
    if (errno == EBUSY) throw PoolFailure(pool::kBusy, "somebody has the image mapped for writing");
    throw PoolFailure::System("F_ADD_SEALS");
  }
  sealed_ = true;
}

uint64_t ReferenceImage::used() const {
  struct stat status;
  if (::fstat(fd_, &status) < 0) throw PoolFailure::System("fstat");
  return static_cast<uint64_t>(status.st_blocks) * 512;
}

}  // namespace potemkin
