// A table of one's own, for programs without Node.js: fuzz targets, and those of bench/native/.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "table.h"

namespace potemkin {

// Memory of exactly the size of a table, so that an access beyond it is seen.
class TableMemory {
 public:
  explicit TableMemory(const TableShape& shape) : words_(Table::bytes(shape) / 8 + 1) {
    bytes_ = {reinterpret_cast<uint8_t*>(words_.data()), Table::bytes(shape)};
    const uint64_t seed[2] = {1, 2};
    Table::create(bytes_, shape, seed);
  }
  std::span<uint8_t> bytes() const { return bytes_; }

 private:
  std::vector<uint64_t> words_;
  std::span<uint8_t> bytes_;
};

}  // namespace potemkin
