// Any words as a classifier's program and as its decision table, run on packets of any bytes whose columns
// may be made up.
#include <cstring>
#include <vector>

#include "classify.h"
#include "decide.h"
#include "fuzz/input.h"

using namespace potemkin;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kPacket = 80;
  if (size < kPacket) return 0;
  static FuzzTable fuzzed;
  fuzzed.reset();
  const Packets& packets = fuzzed.packets;
  for (uint32_t row = 0; row < FuzzTable::kUsed; row++) {
    fuzzed.put(row, {data, row * kPacket / FuzzTable::kUsed});
    packets.proto()[row] = data[row];
    packets.ipHeader()[row] = data[row + 1];
    packets.sport()[row] = data[row + 2];
  }
  packets.start()[1] = load<uint32_t>(data);
  packets.length()[2] = load<uint32_t>(data + 4);
  // A copy of exactly this size, so that a read beyond the program is seen.
  std::vector<ClassifierStep> program((size - kPacket) / sizeof(ClassifierStep));
  if (!program.empty()) std::memcpy(program.data(), data + kPacket, program.size() * sizeof(ClassifierStep));
  uint16_t results[FuzzTable::kUsed + 1] = {};
  constexpr uint16_t kUntouched = 0x1234;
  results[FuzzTable::kUsed] = kUntouched;
  const auto last = static_cast<int32_t>((program.size() - 1) * sizeof(ClassifierStep) / sizeof(int32_t));
  classify(packets, fuzzed.rows, program, (data[0] & 1) != 0 ? last : load<int32_t>(data), results);
  REQUIRE(results[FuzzTable::kUsed] == kUntouched);

  std::vector<uint32_t> table((size - kPacket) / sizeof(uint32_t));
  if (!table.empty()) std::memcpy(table.data(), data + kPacket, table.size() * sizeof(uint32_t));
  decide(packets, fuzzed.rows, table, results);
  REQUIRE(results[FuzzTable::kUsed] == kUntouched);
  return 0;
}
