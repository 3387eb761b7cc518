// What the readers of both capture formats share: the place in the chunk, and the rows that are filled.
#pragma once

#include <algorithm>
#include <span>

#include "capture.h"
#include "link.h"
#include "wire.h"

namespace potemkin {

struct Time {
  uint64_t seconds, nanoseconds;
};

// The longest frame an interface may deliver. Files with longer ones than their snapshot length says are
// common enough, so only what no link carries is damage.
inline uint32_t longestFrame(const CaptureInterface& interface) {
  if (interface.snapLength == 0) return kMostFrame;
  return std::min(kMostFrame, std::max(interface.snapLength, uint32_t{0xffff}));
}

class CaptureReader {
 public:
  // Rows first to first + most are in the table.
  CaptureReader(Capture& capture, std::span<const uint8_t> chunk, const Packets& packets, uint32_t first,
                uint32_t most)
      : capture(capture),
        chunk_(chunk),
        packets_(packets),
        first_(first),
        nextRow_(first),
        end_(first + most) {}

  Capture& capture;

  const uint8_t* at() const { return chunk_.data() + used_; }
  size_t left() const { return chunk_.size() - used_; }
  void advance(size_t bytes) { used_ += bytes; }
  bool full() const { return nextRow_ == end_; }

  // Numbers of the file, so many bytes from here. The caller has checked left().
  uint16_t get16(size_t offset) const {
    const auto value = load<uint16_t>(at() + offset);
    return capture.foreign != 0 ? swapped(value) : value;
  }
  uint32_t get32(size_t offset) const {
    const auto value = load<uint32_t>(at() + offset);
    return capture.foreign != 0 ? swapped(value) : value;
  }
  uint64_t get64(size_t offset) const {
    const auto value = load<uint64_t>(at() + offset);
    return capture.foreign != 0 ? __builtin_bswap64(value) : value;
  }

  // Fills the next row from a frame, which lies in the chunk. The caller has checked full().
  void take(const CaptureInterface& interface, Time time, const uint8_t* frame, uint32_t captured,
            uint32_t original);

  // Writes what was done into capture.
  void finish() {
    capture.consumed = static_cast<uint32_t>(used_);
    capture.rows = nextRow_ - first_;
    capture.faulty = faulty_;
    capture.bytes = bytes_;
    capture.position += static_cast<double>(used_);
  }

 private:
  std::span<const uint8_t> chunk_;
  size_t used_ = 0;
  const Packets packets_;
  uint32_t first_, nextRow_, end_;
  uint32_t faulty_ = 0, bytes_ = 0;
};

inline void CaptureReader::take(const CaptureInterface& interface, Time time, const uint8_t* frame,
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
  bytes_ += length;
}

}  // namespace potemkin
