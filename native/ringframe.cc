#include "ringframe.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "checksum.h"
#include "device.h"
#include "wire.h"

namespace potemkin {

namespace {

// The offload state of a packet: struct virtio_net_hdr, whose header in linux/ is not valid C++.
struct VnetHeader {
  uint8_t flags;
  uint8_t gsoType;
  uint16_t headerLength;
  uint16_t gsoSize;
  uint16_t csumStart;
  uint16_t csumOffset;
};
static_assert(sizeof(VnetHeader) == 10);
constexpr uint8_t kNeedsChecksum = 1;

// Completes the transport checksum that the sender's stack left to its device: at csumStart + csumOffset
// stands the sum of the pseudo header (virtio specification 1.2, 5.1.6.2). Over a virtual device nobody else
// does.
void CompleteChecksum(const VnetHeader& header, size_t linkHeader, std::span<uint8_t> packet) {
  if ((header.flags & kNeedsChecksum) == 0 || header.csumStart < linkHeader) return;
  const size_t start = header.csumStart - linkHeader;
  const size_t field = start + header.csumOffset;
  if (field + 2 > packet.size()) return;
  const uint16_t checksum = checksumOf(sumBytes(packet.data() + start, packet.size() - start));
  // 0 would mean "no checksum" to UDP (RFC 768).
  store<uint16_t>(packet.data() + field, checksum == 0 ? 0xffff : checksum);
}

}  // namespace

void PutFrame(const Packets& packets, uint32_t row, const RingFrame& frame) {
  packets.sec()[row] = frame.sec;
  packets.nsec()[row] = frame.nsec;
  const uint32_t linkHeader = frame.net - frame.mac;
  // The kernel vouches for these offsets; were they wrong, the packet is empty.
  const bool sane = frame.mac >= sizeof(VnetHeader) && frame.net >= frame.mac &&
                    frame.captured >= linkHeader && size_t{frame.mac} + frame.captured <= frame.room &&
                    frame.length >= frame.captured;
  if (!sane) {
    packets.fault()[row] = static_cast<uint8_t>(Fault::kLinkTruncated);
    return;
  }
  const size_t captured = std::min<size_t>(frame.captured - linkHeader, kMaxPacket);
  uint8_t* const to = packets.slot(row) + kHeadroom;
  copyWide(to, frame.base + frame.net, captured, std::min<size_t>(frame.room - frame.net, kMaxPacket));
  SetLength(packets, row, captured, frame.length - linkHeader);
  VnetHeader header;
  // SAFETY: mac was just seen to leave room for it.
  std::memcpy(&header, frame.base + frame.mac - sizeof header, sizeof header);
  if (captured == frame.length - linkHeader) CompleteChecksum(header, linkHeader, {to, captured});
}

}  // namespace potemkin
