#include "pcapng.h"

namespace potemkin {

namespace {

enum BlockType : uint32_t {
  kInterfaceDescription = 1,
  kPacket = 2,  // obsolete, but found in files
  kSimplePacket = 3,
  kEnhancedPacket = 6,
  kSectionHeader = 0x0a0d0d0a,
};

constexpr uint32_t kByteOrder = 0x1a2b3c4d;
// Type and length before a block's body, the length again after it.
constexpr uint32_t kBefore = 8, kAfter = 4;
constexpr uint16_t kEndOfOptions = 0, kTimeResolution = 9, kTimeOffset = 14;

constexpr CaptureStatus kGoOn = CaptureStatus::kFull;

constexpr uint32_t padded(uint32_t length) {
  return (length + 3) & ~3u;
}

CaptureStatus readSectionHeader(CaptureReader& in, uint32_t length) {
  if (length < kBefore + 16 + kAfter) return CaptureStatus::kBlockLength;
  if (in.get16(12) != 1) return CaptureStatus::kVersion;
  in.capture.interfaces = 0;
  return kGoOn;
}

// if_tsresol: a power of 10 or, with the top bit, of 2. Returns 0 if 64 bits cannot hold it.
uint64_t unitsOf(uint8_t resolution) {
  const uint32_t exponent = resolution & 0x7f;
  if ((resolution & 0x80) != 0) return exponent < 64 ? uint64_t{1} << exponent : 0;
  if (exponent > 19) return 0;
  uint64_t units = 1;
  for (uint32_t i = 0; i < exponent; i++) units *= 10;
  return units;
}

CaptureStatus readInterface(CaptureReader& in, uint32_t length) {
  constexpr uint32_t kFixed = 8;
  if (length < kBefore + kFixed + kAfter) return CaptureStatus::kBlockLength;
  if (in.capture.interfaces >= kMostInterfaces) return CaptureStatus::kInterfaces;
  CaptureInterface found{in.get16(kBefore), in.get32(kBefore + 4), 1'000'000, 0};
  const uint32_t end = length - kAfter;
  for (uint32_t at = kBefore + kFixed; end - at >= 4;) {
    const uint16_t code = in.get16(at), bytes = in.get16(at + 2);
    at += 4;
    if (code == kEndOfOptions) break;
    // end - at is a multiple of 4, as block lengths are, so what bytes fits into, padded(bytes) does as well.
    if (bytes > end - at) return CaptureStatus::kBlockContents;
    if (code == kTimeResolution && bytes >= 1) found.second = unitsOf(in.at()[at]);
    if (code == kTimeOffset && bytes >= 8) found.offset = static_cast<int64_t>(in.get64(at));
    at += padded(bytes);
  }
  if (found.second == 0) return CaptureStatus::kResolution;
  in.capture.interface[in.capture.interfaces++] = found;
  return kGoOn;
}

Time timeOf(const CaptureInterface& interface, uint64_t units) {
  __extension__ using Wide = unsigned __int128;
  const uint64_t fraction = units % interface.second;
  return {units / interface.second + static_cast<uint64_t>(interface.offset),
          static_cast<uint64_t>(Wide{fraction} * 1'000'000'000 / interface.second)};
}

// Enhanced packets and the obsolete ones differ only in how the interface is written.
CaptureStatus readPacket(CaptureReader& in, uint32_t length, uint32_t number) {
  constexpr uint32_t kFixed = 20;
  if (length < kBefore + kFixed + kAfter) return CaptureStatus::kBlockLength;
  if (number >= in.capture.interfaces) return CaptureStatus::kInterface;
  const CaptureInterface& interface = in.capture.interface[number];
  const uint32_t captured = in.get32(20), original = in.get32(24);
  if (captured > longestFrame(interface)) return CaptureStatus::kRecordLength;
  if (captured > length - (kBefore + kFixed + kAfter)) return CaptureStatus::kBlockContents;
  const uint64_t units = uint64_t{in.get32(12)} << 32 | in.get32(16);
  in.take(interface, timeOf(interface, units), in.at() + kBefore + kFixed, captured, original);
  return kGoOn;
}

// A simple packet is of the first interface, has no time, and is as long as the snapshot length lets it be.
CaptureStatus readSimplePacket(CaptureReader& in, uint32_t length) {
  constexpr uint32_t kFixed = 4;
  if (length < kBefore + kFixed + kAfter) return CaptureStatus::kBlockLength;
  if (in.capture.interfaces == 0) return CaptureStatus::kInterface;
  const CaptureInterface& interface = in.capture.interface[0];
  const uint32_t original = in.get32(kBefore);
  const uint32_t captured = interface.snapLength == 0 ? original : std::min(original, interface.snapLength);
  if (captured > longestFrame(interface)) return CaptureStatus::kRecordLength;
  if (captured > length - (kBefore + kFixed + kAfter)) return CaptureStatus::kBlockContents;
  in.take(interface, {0, 0}, in.at() + kBefore + kFixed, captured, original);
  return kGoOn;
}

CaptureStatus readContents(CaptureReader& in, uint32_t type, uint32_t length) {
  switch (type) {
    case kSectionHeader:
      return readSectionHeader(in, length);
    case kInterfaceDescription:
      return readInterface(in, length);
    case kEnhancedPacket:
      return readPacket(in, length, length < 12 + kAfter ? 0 : in.get32(kBefore));
    case kPacket:
      return readPacket(in, length, length < 12 + kAfter ? 0 : in.get16(kBefore));
    default:
      return readSimplePacket(in, length);
  }
}

bool isRead(uint32_t type) {
  return type == kSectionHeader || type == kInterfaceDescription || type == kPacket ||
         type == kSimplePacket || type == kEnhancedPacket;
}

}  // namespace

CaptureStatus readBlock(CaptureReader& in) {
  Capture& capture = in.capture;
  if (capture.skip > 0) {
    const size_t passed = static_cast<size_t>(std::min<uint64_t>(capture.skip, in.left()));
    in.advance(passed);
    capture.skip -= passed;
    if (capture.skip > 0) return CaptureStatus::kMore;
  }
  if (in.left() < kBefore + kAfter) return CaptureStatus::kMore;
  uint32_t type = in.get32(0);
  // The type of a section header reads the same in both byte orders; what follows its length says which it
  // is.
  if (type == kSectionHeader) {
    const auto order = load<uint32_t>(in.at() + kBefore);
    if (order != kByteOrder && swapped(order) != kByteOrder) return CaptureStatus::kNotCapture;
    capture.foreign = order == kByteOrder ? 0 : 1;
  }
  const uint32_t length = in.get32(4);
  if (length < kBefore + kAfter || length % 4 != 0) return CaptureStatus::kBlockLength;
  if (!isRead(type)) {
    // Of any length: what is not looked at needs no room.
    capture.skip = length;
    return kGoOn;
  }
  if (length > kMostRecord) return CaptureStatus::kBlockLength;
  if (in.left() < length) return CaptureStatus::kMore;
  if (in.get32(length - kAfter) != length) return CaptureStatus::kBlockLength;
  const CaptureStatus status = readContents(in, type, length);
  if (status == kGoOn) in.advance(length);
  return status;
}

}  // namespace potemkin
