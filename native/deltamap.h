// Which pages of a clone differ from its reference image, and how many page tables the clone has.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

namespace potemkin {

// A bitmap in chunks of the 512 pages that one page table serves. A chunk exists once one of its pages was
// read or written, so that chunks count page tables. A clone that nobody touched has none.
class DeltaMap {
 public:
  struct Cost {
    uint64_t pages = 0;
    uint64_t tables = 0;
  };

  // The mapping begins at page number `start` of the address space and is `pages` long.
  DeltaMap(uint64_t start, uint64_t pages) : skew_(start % kChunk), pages_(pages) {}

  uint64_t dirty() const { return dirty_; }
  uint64_t tables() const { return tables_; }

  // What dirtying the pages from first up to end would add.
  Cost CostOf(uint64_t first, uint64_t end) const {
    Cost cost;
    for (uint64_t page = first; page < end;) {
      const uint64_t next = std::min(end, ChunkEnd(page));
      const Chunk* chunk = Find(page);
      if (chunk == nullptr) {
        cost.tables++;
        cost.pages += next - page;
        page = next;
      }
      for (; page < next; page++) cost.pages += !Bit(*chunk, page);
    }
    return cost;
  }

  // Pages from first up to end were read.
  void Touch(uint64_t first, uint64_t end) {
    for (uint64_t page = first; page < end; page = ChunkEnd(page)) Make(page);
  }

  // Pages from first up to end were written.
  void Dirty(uint64_t first, uint64_t end) {
    for (uint64_t page = first; page < end;) {
      Chunk& chunk = Make(page);
      for (const uint64_t next = std::min(end, ChunkEnd(page)); page < next; page++) {
        const uint64_t index = (page + skew_) % kChunk;
        const uint64_t bit = uint64_t{1} << (index % 64);
        dirty_ += (chunk[index / 64] & bit) == 0;
        chunk[index / 64] |= bit;
      }
    }
  }

  // No page is dirty any more. The page tables stay, as they do in the kernel.
  void Clean() {
    for (const auto& chunk : chunks_) {
      if (chunk) chunk->fill(0);
    }
    dirty_ = 0;
  }

  bool IsDirty(uint64_t page) const {
    const Chunk* chunk = Find(page);
    return chunk != nullptr && Bit(*chunk, page);
  }

  // Calls visit(page) for each dirty page, in order.
  template <typename Visit>
  void EachDirty(Visit visit) const {
    for (size_t c = 0; c < chunks_.size(); c++) {
      if (!chunks_[c]) continue;
      for (size_t word = 0; word < kChunk / 64; word++) {
        for (uint64_t bits = (*chunks_[c])[word]; bits != 0; bits &= bits - 1) {
          visit(c * kChunk + word * 64 + static_cast<uint64_t>(std::countr_zero(bits)) - skew_);
        }
      }
    }
  }

 private:
  static constexpr uint64_t kChunk = 512;
  using Chunk = std::array<uint64_t, kChunk / 64>;

  uint64_t ChunkEnd(uint64_t page) const { return ((page + skew_) / kChunk + 1) * kChunk - skew_; }

  bool Bit(const Chunk& chunk, uint64_t page) const {
    const uint64_t index = (page + skew_) % kChunk;
    return (chunk[index / 64] >> (index % 64) & 1) != 0;
  }

  const Chunk* Find(uint64_t page) const {
    return chunks_.empty() ? nullptr : chunks_[(page + skew_) / kChunk].get();
  }

  Chunk& Make(uint64_t page) {
    if (chunks_.empty()) chunks_.resize((pages_ + skew_ - 1) / kChunk + 1);
    auto& chunk = chunks_[(page + skew_) / kChunk];
    if (!chunk) {
      chunk = std::make_unique<Chunk>();
      tables_++;
    }
    return *chunk;
  }

  uint64_t skew_;
  uint64_t pages_;
  uint64_t dirty_ = 0;
  uint64_t tables_ = 0;
  std::vector<std::unique_ptr<Chunk>> chunks_;
};

}  // namespace potemkin
