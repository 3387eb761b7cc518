#include "link.h"

#include "wire.h"

namespace potemkin {

namespace {

constexpr Stripped kTooShort{Fault::kLinkTruncated, 0}, kOther{Fault::kNotIpv4, 0};

constexpr uint16_t kIpv4 = 0x0800;
constexpr uint32_t kMaxTags = 4;

bool isTag(uint16_t etherType) {
  // 0x9100 is what stacked tags were sent with before 802.1ad.
  return etherType == 0x8100 || etherType == 0x88a8 || etherType == 0x9100;
}

// A header of so many bytes, with the EtherType of what follows in it. A tag is two bytes of its own and the
// EtherType of what follows that.
Stripped stripEtherType(const uint8_t* frame, size_t length, uint32_t header, uint32_t typeAt) {
  if (length < header) return kTooShort;
  uint16_t etherType = get16(frame + typeAt);
  for (uint32_t tags = 0; isTag(etherType); tags++) {
    if (tags == kMaxTags) return kOther;
    if (length < header + 4) return kTooShort;
    etherType = get16(frame + header + 2);
    header += 4;
  }
  return etherType == kIpv4 ? Stripped{Fault::kNone, header} : kOther;
}

// The address family of BSD's loopback, in the byte order of the machine that wrote it (or in the network's,
// for LOOP): AF_INET is 2 everywhere.
Stripped stripFamily(const uint8_t* frame, size_t length) {
  if (length < 4) return kTooShort;
  const uint32_t family = get32(frame);
  return family == 2 || family == swapped(uint32_t{2}) ? Stripped{Fault::kNone, 4} : kOther;
}

// Raw IP says which one only by its version. Anything but IPv6 is left to whoever verifies IPv4.
Stripped stripRaw(const uint8_t* frame, size_t length) {
  if (length < 1) return kTooShort;
  return frame[0] >> 4 == 6 ? kOther : Stripped{Fault::kNone, 0};
}

}  // namespace

bool knowsLink(uint32_t linkType) {
  switch (linkType) {
    case kLinkNull:
    case kLinkEthernet:
    case kLinkRawBsd:
    case kLinkRawOpenBsd:
    case kLinkRaw:
    case kLinkLoop:
    case kLinkSll:
    case kLinkIpv4:
    case kLinkSll2:
      return true;
    default:
      return false;
  }
}

Stripped stripAny(uint32_t linkType, const uint8_t* frame, size_t length) {
  switch (linkType) {
    case kLinkEthernet:
      return stripEtherType(frame, length, 14, 12);
    case kLinkSll:
      return stripEtherType(frame, length, 16, 14);
    case kLinkSll2:
      return stripEtherType(frame, length, 20, 0);
    case kLinkNull:
    case kLinkLoop:
      return stripFamily(frame, length);
    case kLinkRaw:
    case kLinkRawBsd:
    case kLinkRawOpenBsd:
      return stripRaw(frame, length);
    case kLinkIpv4:
      return {Fault::kNone, 0};
    default:
      return kOther;
  }
}

}  // namespace potemkin
