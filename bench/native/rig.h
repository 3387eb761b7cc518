// What programs have in common that drive native parts with no Node.js around them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "columns.h"
#include "fuzz/tablememory.h"

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

}  // namespace potemkin
