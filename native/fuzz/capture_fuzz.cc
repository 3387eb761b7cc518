// Any bytes as a capture file, read whole and in small pieces: both must give the same packets and the same
// damage.
#include <cstring>
#include <vector>

#include "capture.h"
#include "fuzz/input.h"

using namespace potemkin;

namespace {

struct Outcome {
  uint32_t status;
  double position;
  std::vector<uint8_t> packets;  // of each: fault, time, length, bytes
  bool operator==(const Outcome&) const = default;
};

void append(std::vector<uint8_t>& to, const void* from, size_t bytes) {
  const auto* at = static_cast<const uint8_t*>(from);
  to.insert(to.end(), at, at + bytes);
}

// Reads a file as chunks that grow by `step` bytes, a few rows at a time.
Outcome readAll(std::span<const uint8_t> file, size_t step, uint32_t most) {
  static FuzzTable table;
  const Packets& packets = table.packets;
  const auto capture = std::make_unique<Capture>();
  std::memset(static_cast<void*>(capture.get()), 0, sizeof(Capture));
  Outcome outcome{};
  size_t from = 0, to = std::min(step, file.size());
  for (;;) {
    // A copy of exactly this size, so that a read beyond the chunk is seen.
    const std::vector<uint8_t> chunk(file.begin() + static_cast<ptrdiff_t>(from),
                                     file.begin() + static_cast<ptrdiff_t>(to));
    readCapture(*capture, chunk, packets, 0, most);
    REQUIRE(capture->consumed <= chunk.size() && capture->rows <= most && most <= FuzzTable::kUsed);
    for (uint32_t row = 0; row < capture->rows; row++) {
      append(outcome.packets, packets.fault() + row, 1);
      append(outcome.packets, packets.sec() + row, 4);
      append(outcome.packets, packets.nsec() + row, 4);
      append(outcome.packets, packets.length() + row, 4);
      append(outcome.packets, packets.slot(row) + kHeadroom, packets.length()[row]);
      REQUIRE(packets.nsec()[row] < 1'000'000'000);
    }
    table.check(capture->rows, capture->faulty);
    from += capture->consumed;
    const auto status = static_cast<CaptureStatus>(capture->status);
    if (status == CaptureStatus::kFull) continue;
    if (status != CaptureStatus::kMore || to == file.size()) break;
    to = std::min(to + step, file.size());
  }
  outcome.status = capture->status;
  outcome.position = capture->position;
  REQUIRE(outcome.position == static_cast<double>(from));
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span file(data, size);
  const Outcome whole = readAll(file, size, FuzzTable::kUsed);
  REQUIRE(readAll(file, std::max<size_t>(size / 7, 11), 3) == whole);
  return 0;
}
