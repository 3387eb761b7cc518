#include "capture.h"

#include <algorithm>

#include "capturereader.h"
#include "pcapng.h"
#include "wire.h"

namespace potemkin {

void CaptureReader::take(const CaptureInterface& interface, Time time, const uint8_t* frame,
                         uint32_t captured, uint32_t original) {
  const uint32_t row = nextRow_++;
  packets_.sec()[row] = static_cast<uint32_t>(time.seconds);
  packets_.nsec()[row] = static_cast<uint32_t>(time.nanoseconds);
  const Stripped link = strip(interface.linkType, frame, captured);
  if (link.fault != Fault::kNone) {
    faulty_ += judge(packets_, row, link.fault);
    return;
  }
  const uint8_t* packet = frame + link.offset;
  uint32_t length = captured - link.offset;
  // What follows the packet is the link's padding. A total length that cannot be is left to whoever verifies
  // IPv4.
  const uint32_t total = length >= 4 ? potemkin::get16(packet + 2) : 0;
  if (total >= 20 && total < length) length = total;
  if (captured < original && (length < 20 || length < total)) {
    faulty_ += judge(packets_, row, Fault::kCapturedShort);
    return;
  }
  if (length > kMaxPacket) {
    faulty_ += judge(packets_, row, Fault::kOversize);
    return;
  }
  // SAFETY: length ≤ kMaxPacket, the bytes of a slot after its headroom; frame has captured ≥ offset + length
  // bytes, and so many are left of the chunk it lies in.
  const auto left = static_cast<size_t>(chunk_.data() + chunk_.size() - packet);
  copyWide(packets_.slot(row) + kHeadroom, packet, length, std::min<size_t>(left, kMaxPacket));
  packets_.length()[row] = length;
}

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
CaptureStatus readRecord(CaptureReader& in, const CaptureInterface& interface) {
  if (in.left() < kRecordHeader) return CaptureStatus::kMore;
  const uint32_t captured = in.get32(8), original = in.get32(12);
  if (captured > longestFrame(interface)) return CaptureStatus::kRecordLength;
  if (in.left() - kRecordHeader < captured) return CaptureStatus::kMore;
  const uint64_t fraction = in.get32(4) * (interface.second == 1'000'000 ? uint64_t{1000} : 1);
  in.take(interface, {in.get32(0) + fraction / 1'000'000'000, fraction % 1'000'000'000},
          in.at() + kRecordHeader, captured, original);
  in.advance(kRecordHeader + captured);
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
  if (status == CaptureStatus::kMore && capture.format != kUnknown) {
    do {
      if (in.full()) {
        status = CaptureStatus::kFull;
        break;
      }
      status = capture.format == kPcap ? readRecord(in, capture.interface[0]) : readBlock(in);
    } while (status == CaptureStatus::kFull);
  }
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
