#include "held.h"

#include <algorithm>
#include <stdexcept>
#include <type_traits>

#include "wire.h"

namespace potemkin {

namespace {

constexpr size_t kStart = static_cast<size_t>(ColumnNumber::kStart),
                 kLength = static_cast<size_t>(ColumnNumber::kLength);

// Packets whose columns are copied together, so that their words stay in the first cache.
constexpr size_t kTogether = 64;

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

// Packets that there are places for.
size_t placesOf(const HeldRings& rings) {
  const size_t places = rings.words.size() / kHeldWords;
  require(rings.head < std::max<size_t>(places, 1) && rings.held <= places &&
              rings.dataHead < std::max<size_t>(rings.data.size(), 1) && rings.bytes <= rings.data.size(),
          "what is held lies outside its rings");
  return places;
}

size_t wrapped(size_t at, size_t size) {
  return at < size ? at : at - size;
}

// The columns of the rows [first, last) of a list, from or to consecutive places of the ring.
template <typename Copy>
void copyColumns(const Packets& packets, const HeldRings& rings, size_t places, size_t place, size_t n,
                 Copy&& copy) {
  for (size_t from = 0; from < n; from += kTogether) {
    const size_t to = std::min(n, from + kTogether);
    size_t column = 0;
    packets.eachColumn([&](auto* values) {
      size_t at = wrapped(place + from, places);
      for (size_t i = from; i < to; i++) {
        copy(i, values, rings.words[at * kHeldWords + column]);
        at = at + 1 == places ? 0 : at + 1;
      }
      column++;
    });
  }
}

}  // namespace

uint32_t pushHeld(const Packets& packets, std::span<const uint16_t> rows, const HeldRings& rings) {
  const size_t places = placesOf(rings);
  require(rows.size() <= places - rings.held, "there is no room for so many packets");
  if (rows.empty()) return 0;
  const size_t first = wrapped(size_t{rings.head} + rings.held, places);
  // SAFETY: at most as many places follow one another, around the ring, as there are; rows are below kRows.
  copyColumns(packets, rings, places, first, rows.size(),
              [&](size_t i, auto* values, uint32_t& word) { word = values[rows[i]]; });

  size_t bytes = rings.bytes, at = first;
  for (const uint16_t row : rows) {
    const PacketBytes packet = packetOf(packets, row);
    uint32_t* words = &rings.words[at * kHeldWords];
    words[kStart] = static_cast<uint32_t>(packet.data - packets.slot(row));
    words[kLength] = packet.length;
    require(packet.length <= rings.data.size() - bytes, "there is no room for so many bytes");
    if (packet.length > 0) {
      const size_t place = wrapped(rings.dataHead + bytes, rings.data.size());
      const size_t part = std::min<size_t>(packet.length, rings.data.size() - place);
      // SAFETY: both parts end within data, which has room for all of the packet.
      copyBytes(&rings.data[place], packet.data, part);
      if (part < packet.length) copyBytes(rings.data.data(), packet.data + part, packet.length - part);
    }
    bytes += packet.length;
    at = at + 1 == places ? 0 : at + 1;
  }
  return static_cast<uint32_t>(bytes - rings.bytes);
}

uint32_t popHeld(const Packets& packets, uint32_t first, uint32_t n, const HeldRings& rings) {
  const size_t places = placesOf(rings);
  require(n <= rings.held, "fewer packets are held");
  if (n == 0) return 0;
  // SAFETY: n places at most, as many as are held; first + n is at most kRows.
  copyColumns(packets, rings, places, rings.head, n, [&](size_t i, auto* values, const uint32_t& word) {
    values[first + i] = static_cast<std::remove_pointer_t<decltype(values)>>(word);
  });

  size_t bytes = 0, at = rings.head;
  for (uint32_t row = first; row < first + n; row++) {
    const uint32_t offset = rings.words[at * kHeldWords + kStart],
                   length = rings.words[at * kHeldWords + kLength];
    require(offset <= kSlot && length <= kSlot - offset && length <= rings.bytes - bytes,
            "what is held is no packet");
    uint8_t* data = packets.slot(row) + offset;
    if (length > 0) {
      const size_t place = wrapped(rings.dataHead + bytes, rings.data.size());
      const size_t part = std::min<size_t>(length, rings.data.size() - place);
      // SAFETY: the packet ends within its slot, and both parts within data.
      copyBytes(data, &rings.data[place], part);
      if (part < length) copyBytes(data + part, rings.data.data(), length - part);
    }
    packets.start()[row] = kSlotsAt + row * kSlot + offset;
    packets.length()[row] = length;
    bytes += length;
    at = at + 1 == places ? 0 : at + 1;
  }
  return static_cast<uint32_t>(bytes);
}

}  // namespace potemkin
