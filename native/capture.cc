#include "capture.h"

#include <algorithm>

#include "capturereader.h"
#include "pcapng.h"
#include "wire.h"

namespace potemkin {

namespace {

constexpr uint32_t kMicroseconds = 0xa1b2c3d4, kNanoseconds = 0xa1b23c4d, kSectionHeader = 0x0a0d0d0a;
constexpr size_t kFileHeader = 24;
constexpr uint32_t kLinkTypeBits =
    0x03ffffff;  // above are the length of the frame check sequence and its flag

enum Format : uint32_t { kUnknown, kPcap, kPcapng };

CaptureStatus readFileHeader(CaptureReader& in) {
  if (in.left() < 4) return CaptureStatus::kMore;
  Capture& capture = in.capture;
  const auto magic = load<uint32_t>(in.at());
  if (magic == kSectionHeader) {
    capture.format = kPcapng;
    return CaptureStatus::kMore;
  }
  const bool foreign = swapped(magic) == kMicroseconds || swapped(magic) == kNanoseconds;
  const uint32_t native = foreign ? swapped(magic) : magic;
  if (native != kMicroseconds && native != kNanoseconds) return CaptureStatus::kNotCapture;
  if (in.left() < kFileHeader) return CaptureStatus::kMore;
  capture.foreign = foreign ? 1 : 0;
  if (in.get16(4) != 2 || in.get16(6) != 4) return CaptureStatus::kVersion;
  const uint32_t linkType = in.get32(20) & kLinkTypeBits;
  if (!knowsLink(linkType)) return CaptureStatus::kLinkType;
  capture.interface[0] = {linkType, in.get32(16), native == kNanoseconds ? 1'000'000'000u : 1'000'000u, 0};
  capture.interfaces = 1;
  capture.format = kPcap;
  in.advance(kFileHeader);
  return CaptureStatus::kMore;
}

// Reads one record; kFull stands for "go on".
CaptureStatus readRecord(CaptureReader& in, const CaptureInterface& interface, bool foreign) {
  if (in.left() < kRecordHeader) return CaptureStatus::kMore;
  const uint8_t* const header = in.at();
  const auto word = [&](size_t offset) {
    const auto value = load<uint32_t>(header + offset);
    return foreign ? swapped(value) : value;
  };
  const uint32_t captured = word(8), original = word(12);
  if (captured > longestFrame(interface)) return CaptureStatus::kRecordLength;
  if (in.left() - kRecordHeader < captured) return CaptureStatus::kMore;
  const uint64_t fraction = word(4) * (interface.second == 1'000'000 ? uint64_t{1000} : 1);
  in.take(interface, {word(0) + fraction / 1'000'000'000, fraction % 1'000'000'000}, in.at() + kRecordHeader,
          captured, original);
  in.advance(kRecordHeader + captured);
  return CaptureStatus::kFull;
}

// Reads records while there are whole ones, and rows for them.
CaptureStatus readRecords(CaptureReader& in) {
  // Copies: for all that the compiler knows, what is written of a packet could change the capture.
  const CaptureInterface interface = in.capture.interface[0];
  const bool foreign = in.capture.foreign != 0;
  while (!in.full()) {
    const CaptureStatus status = readRecord(in, interface, foreign);
    if (status != CaptureStatus::kFull) return status;
  }
  return CaptureStatus::kFull;
}

// The same of blocks.
CaptureStatus readBlocks(CaptureReader& in) {
  while (!in.full()) {
    const CaptureStatus status = readBlock(in);
    if (status != CaptureStatus::kFull) return status;
  }
  return CaptureStatus::kFull;
}

}  // namespace

void readCapture(Capture& capture, std::span<const uint8_t> chunk, const Packets& packets, uint32_t first,
                 uint32_t most) {
  first = std::min(first, kRows);
  most = std::min(most, kRows - first);
  // No format spends fewer bytes on a packet than pcap's record header.
  packets.clear(first, static_cast<uint32_t>(std::min<size_t>(most, chunk.size() / kRecordHeader + 1)));

  CaptureReader in(capture, chunk, packets, first, most);
  CaptureStatus status = CaptureStatus::kMore;
  if (capture.format == kUnknown) status = readFileHeader(in);
  if (status == CaptureStatus::kMore && capture.format != kUnknown)
    status = capture.format == kPcap ? readRecords(in) : readBlocks(in);
  capture.status = static_cast<uint32_t>(status);
  in.finish();
}

size_t writeCapture(const Packets& packets, const uint16_t* rows, size_t n, bool nanoseconds,
                    std::span<uint8_t> into) {
  size_t needed = 0;
  for (size_t i = 0; i < n; i++) needed += kRecordHeader + packetOf(packets, rows[i]).length;
  if (needed > into.size()) return 0;
  uint8_t* at = into.data();
  const uint8_t* const end = at + into.size();
  for (size_t i = 0; i < n; i++) {
    prefetchHeaders(packets, rows, n, i);
    const uint32_t row = rows[i];
    const PacketBytes packet = packetOf(packets, row);
    store(at, packets.sec()[row]);
    store(at + 4, packets.nsec()[row] / (nanoseconds ? 1 : 1000));
    store(at + 8, packet.length);
    store(at + 12, packet.length);
    // SAFETY: the sum of all records was found to be at most into.size(); a packet lies within its slot.
    const size_t room =
        std::min(static_cast<size_t>(end - at) - kRecordHeader, kSlot - size_t{packet.headroom});
    copyWide(at + kRecordHeader, packet.data, packet.length, room);
    at += kRecordHeader + packet.length;
  }
  return needed;
}

}  // namespace potemkin
