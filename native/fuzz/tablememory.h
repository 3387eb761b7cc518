// A table of one's own, for programs without Node.js: fuzz targets, and those of bench/native/.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>

#include "table.h"

namespace potemkin {

// Memory of exactly the size of a table, so that an access beyond it is seen. It has not been touched before,
// as that of JavaScript has not, so that large pages can be had for it.
class TableMemory {
 public:
  explicit TableMemory(const TableShape& shape)
      : size_(Table::bytes(shape)), memory_(static_cast<uint8_t*>(std::calloc(1, size_))) {
    if (!memory_) throw std::bad_alloc();
    const uint64_t seed[2] = {1, 2};
    Table::create(bytes(), shape, seed);
  }
  std::span<uint8_t> bytes() const { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  size_t size_;
  std::unique_ptr<uint8_t, Free> memory_;
};

}  // namespace potemkin
