// Capture files, read and written in batches: classic pcap (draft-ietf-opsawg-pcap) and pcapng
// (draft-ietf-opsawg-pcapng). JavaScript moves the file's bytes; here is no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "columns.h"

namespace potemkin {

// The longest frame of a record that is believed, as in libpcap. With what a record adds to it, kMostRecord
// bytes in one chunk always suffice to get on.
inline constexpr uint32_t kMostFrame = 256 * 1024, kMostRecord = kMostFrame + 4096;

inline constexpr uint32_t kMostInterfaces = 256;

// Why a read stopped. src/native/capture.ts says the same in words.
enum class CaptureStatus : uint32_t {
  kMore,           // at the end of the chunk, or inside of a record that goes on behind it
  kFull,           // all rows are taken
  kNotCapture,     // damage from here on: neither pcap nor pcapng
  kVersion,        // a version of the format that is not known
  kLinkType,       // a link type that is not known
  kRecordLength,   // a record longer than the file allows
  kBlockLength,    // a block whose length is impossible, or not the same at its end
  kBlockContents,  // what a block holds is longer than the block
  kInterface,      // a packet of an interface that was not described
  kInterfaces,     // more than kMostInterfaces interfaces in a section
  kResolution,     // a time resolution that 64 bits cannot hold
};

struct CaptureInterface {
  uint32_t linkType, snapLength;
  uint64_t second;  // units of time in a second; not 0
  int64_t offset;   // seconds to add
};

// A capture that is being read. It lies in an ArrayBuffer of JavaScript, all zero to begin with, whose first
// words are the results of a call. Nothing in it is trusted with an address.
struct Capture {
  double position;    // offset in the file of what comes next or, after damage, of the damage
  uint32_t consumed;  // of the chunk, by this call
  uint32_t rows;      // filled by this call
  uint32_t status;    // CaptureStatus
  uint32_t faulty;    // of the rows
  uint32_t format;    // 0 not known yet, 1 pcap, 2 pcapng
  uint32_t foreign;   // 1 if the file (pcapng: the section) is in the other byte order
  uint32_t bytes;     // of the rows
  uint32_t interfaces;
  uint64_t skip;  // bytes still to be passed over of a block of no interest
  CaptureInterface interface[kMostInterfaces];
};

// Reads on: fills rows from `first` on, at most `most` of them and no further than the table goes; one for
// each packet of the file. The rows' columns are those of Packets.take(), and time, length and fault:
// not-ipv4 and link-truncated (see strip()), oversize, captured-short where the capture cut the packet off.
// Rows with a fault are empty. The results are in capture. After damage a further call reads the same again.
void readCapture(Capture& capture, std::span<const uint8_t> chunk, const Packets& packets, uint32_t first,
                 uint32_t most);

// Bytes of the header of a record that writeCapture() writes.
inline constexpr size_t kRecordHeader = 16;

// Writes the packets as records of a pcap file in this machine's byte order. Returns the bytes written, or 0
// and nothing if there are not enough.
size_t writeCapture(const Packets& packets, const uint16_t* rows, size_t n, bool nanoseconds,
                    std::span<uint8_t> into);

}  // namespace potemkin
