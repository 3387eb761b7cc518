// What programs have in common that drive native parts with no Node.js around them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

#include "columns.h"
#include "table.h"

namespace potemkin {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "expected %s\n", what);
  std::exit(1);
}

// A file as words of some type.
template <typename Word>
std::vector<Word> readFile(const char* name) {
  std::ifstream file(name, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  require(!bytes.empty() && bytes.size() % sizeof(Word) == 0, name);
  std::vector<Word> words(bytes.size() / sizeof(Word));
  std::memcpy(words.data(), bytes.data(), bytes.size());
  return words;
}

// A packet table, with columns and slots.
class PacketMemory {
 public:
  PacketMemory()
      : memory_(static_cast<uint8_t*>(std::aligned_alloc(4096, (kTableBytes + 4095) / 4096 * 4096))) {
    require(memory_ != nullptr, "memory");
    std::memset(memory_.get(), 0, kTableBytes);
  }
  Packets packets() const { return {memory_.get()}; }

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  std::unique_ptr<uint8_t, Free> memory_;
};

// A hash table.
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
