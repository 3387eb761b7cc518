#include "classify.h"

#include <bit>
#include <vector>

#include "wire.h"

namespace potemkin {

namespace {

constexpr size_t kStepWords = sizeof(ClassifierStep) / sizeof(uint32_t);
constexpr uint16_t kNoResult = 0xffff;

// As in src/packet/pattern/program.ts.
enum Op : uint32_t { kIs, kAbove, kHas };

// Columns of any width, read alike: 32 bits from where the row is, without those that belong to others.
struct Column {
  const uint8_t* at;
  uint32_t width, mask;

  uint32_t operator[](uint32_t row) const {
    static_assert(std::endian::native == std::endian::little);
    // SAFETY: row is below kRows, and behind the last column that is read here lie others and the slots.
    return load<uint32_t>(at + size_t{row} * width) & mask;
  }
};

template <typename T>
Column column(const T* at) {
  return {reinterpret_cast<const uint8_t*>(at), sizeof(T), static_cast<T>(~T{0})};
}

// Bytes of a header as one number. False if the packet does not reach that far.
bool readBytes(const Packets& packets, uint32_t row, const ClassifierStep& step, uint32_t& value) {
  const PacketBytes packet = packetOf(packets, row);
  const uint64_t offset = uint64_t{step.read == Read::kIp ? 0u : packets.ipHeader()[row]} + step.offset;
  if (offset + step.width > packet.length) return false;
  // SAFETY: the bytes were just seen to lie within the packet.
  const uint8_t* at = packet.data + offset;
  for (uint32_t i = 0; i < step.width; ++i) value = value << 8 | at[i];
  return true;
}

// Where a row goes: to a list of those that wait for a step, or, with a result, to list 0, which nobody
// reads.
struct Target {
  uint16_t result;
  uint32_t list;
};

// Steps lead to steps before them, and step i has list i + 1. What leads elsewhere ends without a result.
Target target(int32_t words, size_t before) {
  if (words < 0) return {static_cast<uint16_t>(-1 - words), 0};
  const auto number = static_cast<size_t>(words) / kStepWords;
  return {kNoResult, number < before ? static_cast<uint32_t>(number + 1) : 0};
}

// The values for which a step holds: `count` of them from `low` on.
struct Range {
  uint32_t low = 0;
  uint64_t count = uint64_t{1} << 32;

  explicit Range(const ClassifierStep& step) {
    if (step.op == kIs) {
      low = step.value;
      count = 1;
    } else if (step.op == kAbove) {
      low = step.value + 1;
      count = UINT32_MAX - step.value;
    }
  }
  bool holds(uint32_t value) const { return value - low < count; }
};

}  // namespace

void classify(const Packets& packets, std::span<const uint16_t> rows, std::span<const ClassifierStep> program,
              int32_t first, uint16_t* results) {
  const Column columns[Read::kIp] = {
      column(packets.src()),   column(packets.dst()),      column(packets.sport()),   column(packets.dport()),
      column(packets.proto()), column(packets.tcpFlags()), column(packets.fragment())};
  // All rows go through a step together, so that it is decoded once, and where each goes on is a number and
  // no branch, which the processor would have to guess. The lists are chains: the first place of each, and
  // what follows a place.
  constexpr uint16_t kNone = 0xffff;
  std::vector<uint16_t> head(program.size() + 1, kNone);
  uint16_t follows[kRows];
  const auto go = [&](uint16_t place, Target to) {
    results[place] = to.result;
    follows[place] = head[to.list];
    head[to.list] = place;
  };
  const Target start = target(first, program.size());
  for (size_t i = 0; i < rows.size(); ++i) go(static_cast<uint16_t>(i), start);

  for (size_t number = program.size(); number-- > 0;) {
    uint16_t place = head[number + 1];
    if (place == kNone) continue;
    const ClassifierStep& step = program[number];
    const Target yes = target(step.yes, number), no = target(step.no, number);
    const Range range(step);
    const uint32_t shift = step.shift & 31;
    if (step.read < Read::kIp) {
      const Column from = columns[step.read];
      for (uint16_t next; place != kNone; place = next) {
        next = follows[place];
        go(place, range.holds(from[rows[place]] >> shift & step.mask) ? yes : no);
      }
    } else {
      for (uint16_t next; place != kNone; place = next) {
        next = follows[place];
        uint32_t value = 0;
        const bool there = readBytes(packets, rows[place], step, value);
        go(place, there && range.holds(value >> shift & step.mask) ? yes : no);
      }
    }
  }
}

}  // namespace potemkin
