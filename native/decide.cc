#include "decide.h"

#include <algorithm>
#include <array>

#include "classify.h"

namespace potemkin {

namespace {

constexpr uint16_t kNoResult = 0xffff;
constexpr size_t kBytes = 256;

// The words of a table, taken from the front.
class Words {
 public:
  explicit Words(std::span<const uint32_t> words) : words_(words) {}

  uint32_t next() {
    const auto word = take(1);
    return word.empty() ? 0 : word[0];
  }
  // At most so many.
  std::span<const uint32_t> take(size_t count) {
    const auto taken = words_.first(std::min(count, words_.size()));
    words_ = words_.subspan(taken.size());
    return taken;
  }
  std::span<const uint32_t> rest() const { return words_; }

 private:
  std::span<const uint32_t> words_;
};

// Rows go through each step together. Where a row goes is a sum and no branch, which the processor would have
// to guess.
using Places = std::array<uint16_t, kRows>;

// Adds what the table says for each value of a byte.
void addOfByte(const uint8_t* column, std::span<const uint16_t> rows, Words& words, Places& places) {
  const auto addends = words.take(kBytes);
  if (addends.size() < kBytes) return;
  for (size_t i = 0; i < rows.size(); i++) places[i] += static_cast<uint16_t>(addends[column[rows[i]]]);
}

// Adds up what the table says for each bound that the value is not below.
template <typename T>
void addOfBounds(const T* column, std::span<const uint16_t> rows, Words& words, Places& places) {
  const auto bounds = words.take(size_t{2} * std::min(words.next(), kRows));
  std::array<T, kRows> values;
  for (size_t i = 0; i < rows.size(); i++) values[i] = column[rows[i]];
  for (size_t b = 0; b + 1 < bounds.size(); b += 2) {
    const auto bound = static_cast<T>(bounds[b]);
    const auto addend = static_cast<uint16_t>(bounds[b + 1]);
    for (size_t i = 0; i < rows.size(); i++) places[i] += values[i] >= bound ? addend : uint16_t{0};
  }
}

}  // namespace

void decide(const Packets& packets, std::span<const uint16_t> rows, std::span<const uint32_t> table,
            uint16_t* results) {
  Places places;
  std::fill_n(places.begin(), rows.size(), uint16_t{0});
  Words words(table);
  for (uint32_t fields = std::min<uint32_t>(words.next(), Read::kIp); fields > 0; fields--) {
    switch (words.next()) {
      case Read::kSrc:
        addOfBounds(packets.src(), rows, words, places);
        break;
      case Read::kDst:
        addOfBounds(packets.dst(), rows, words, places);
        break;
      case Read::kSport:
        addOfBounds(packets.sport(), rows, words, places);
        break;
      case Read::kDport:
        addOfBounds(packets.dport(), rows, words, places);
        break;
      case Read::kProto:
        addOfByte(packets.proto(), rows, words, places);
        break;
      case Read::kTcpFlags:
        addOfByte(packets.tcpFlags(), rows, words, places);
        break;
      case Read::kFragment:
        addOfByte(packets.fragment(), rows, words, places);
        break;
      default:
        break;
    }
  }
  const auto cells = words.rest();
  if (cells.empty()) {
    std::fill_n(results, rows.size(), kNoResult);
    return;
  }
  const auto last = static_cast<uint32_t>(std::min<size_t>(cells.size() - 1, 0xffff));
  for (size_t i = 0; i < rows.size(); i++)
    results[i] = static_cast<uint16_t>(cells[std::min<uint32_t>(places[i], last)]);
}

}  // namespace potemkin
