// Reference images: memory files that are sealed once they are complete, so that no clone can change them.
#pragma once

#include <cstdint>
#include <span>

namespace potemkin {

// Every function throws PoolFailure.
class ReferenceImage {
 public:
  // A new image of zeros. Its size, a multiple of the page size, is sealed from the start.
  static ReferenceImage Create(uint64_t size);
  // An image over a duplicate of fd, which must be a memory file with all four seals.
  static ReferenceImage Adopt(int fd);

  ReferenceImage(ReferenceImage&& other) noexcept;
  ReferenceImage& operator=(ReferenceImage&&) = delete;
  ~ReferenceImage();

  void Read(uint64_t offset, std::span<uint8_t> into) const;
  void Write(uint64_t offset, std::span<const uint8_t> from);
  // Nobody can write any more. Fails with POOL_BUSY while somebody has the file mapped writable and shared.
  void Seal();

  int fd() const { return fd_; }
  uint64_t size() const { return size_; }
  bool sealed() const { return sealed_; }
  // Bytes of memory that the file takes: holes take none.
  uint64_t used() const;

  // Clones that live now.
  uint32_t clones = 0;

 private:
  ReferenceImage(int fd, uint64_t size, bool sealed) : fd_(fd), size_(size), sealed_(sealed) {}
  int fd_;
  uint64_t size_;
  bool sealed_;
};

}  // namespace potemkin
