// Packets with any columns in and out of rings of any size, beside a plain queue. And rings whose ends and
// words are made up: what comes out then lies in its slot, or is refused.
#include <array>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <vector>

#include "fuzz/input.h"
#include "held.h"

using namespace potemkin;

namespace {

constexpr uint8_t kPattern = 0xa5;
constexpr uint32_t kStart = static_cast<uint32_t>(ColumnNumber::kStart),
                   kLength = static_cast<uint32_t>(ColumnNumber::kLength);

using Columns = std::array<uint32_t, kColumns>;

Columns columnsOf(const Packets& packets, uint32_t row) {
  Columns columns;
  size_t column = 0;
  packets.eachColumn([&](auto* values) { columns[column++] = values[row]; });
  return columns;
}

struct Held {
  Columns columns;  // as a ring holds them: start counts from the slot
  std::vector<uint8_t> bytes;
  bool operator==(const Held&) const = default;
};

Held heldOf(const Packets& packets, uint32_t row) {
  const auto bytes = bytesOf(packets, row);
  Held held{columnsOf(packets, row), {bytes.begin(), bytes.end()}};
  held.columns[kStart] = static_cast<uint32_t>(bytes.data() - packets.slot(row));
  held.columns[kLength] = static_cast<uint32_t>(bytes.size());
  return held;
}

// The rings, and their ends as who owns them keeps them.
struct Rings {
  std::vector<uint32_t> words;
  std::vector<uint8_t> data;
  uint32_t head = 0, held = 0, dataHead = 0, bytes = 0;
  std::deque<Held> queue;

  Rings(uint32_t places, uint32_t room) : words(places * kHeldWords), data(room) {}

  HeldRings borrowed() { return {words, data, head, held, dataHead, bytes}; }
  void pushed(uint32_t n, uint32_t put) { held += n, bytes += put; }
  void popped(uint32_t n, uint32_t taken) {
    if (n == 0) return;
    head = static_cast<uint32_t>((head + n) % (words.size() / kHeldWords));
    if (taken > 0) dataHead = static_cast<uint32_t>((dataHead + taken) % data.size());
    held -= n, bytes -= taken;
  }
};

void fill(const Packets& packets, uint32_t row, Input& input) {
  const uint8_t any = input.byte();
  packets.eachColumn([&](auto* values) {
    values[row] = static_cast<std::remove_pointer_t<decltype(values)>>(any * 0x01030507u);
  });
  // Most lie in their slots.
  const bool madeUp = any >= 0xf0;
  packets.start()[row] = kSlotsAt + row * kSlot + (madeUp ? input.take<uint32_t>() : any);
  packets.length()[row] = madeUp ? input.take<uint16_t>() : input.byte() * (1u + (any & 7));
  std::memset(packets.slot(row), any ^ input.byte(), kSlot);
}

void push(const Packets& packets, Rings& rings, Input& input) {
  const std::vector<uint16_t> rows = takeRows(input);
  std::vector<Held> packetsIn;
  size_t bytes = 0;
  for (const uint16_t row : rows) {
    packetsIn.push_back(heldOf(packets, row));
    bytes += packetsIn.back().bytes.size();
  }
  const bool fits =
      rings.held + rows.size() <= rings.words.size() / kHeldWords && rings.bytes + bytes <= rings.data.size();
  try {
    const uint32_t put = pushHeld(packets, rows, rings.borrowed());
    REQUIRE(fits && put == bytes);
    rings.pushed(static_cast<uint32_t>(rows.size()), put);
    rings.queue.insert(rings.queue.end(), packetsIn.begin(), packetsIn.end());
  } catch (const std::invalid_argument&) {
    REQUIRE(!fits);
  }
}

// Calls pop(first, n) and requires that the rows on both sides of those stay as they are.
template <typename Pop>
void popBetween(const Packets& packets, uint32_t n, Input& input, Pop&& pop) {
  const uint32_t first = 1 + input.byte() % (kRows - kMostTaken - 1), before = first - 1, behind = first + n;
  std::memset(packets.slot(before), kPattern, kSlot);
  std::memset(packets.slot(behind), kPattern, kSlot);
  const Columns beforeIt = columnsOf(packets, before), behindIt = columnsOf(packets, behind);
  pop(first);
  REQUIRE(columnsOf(packets, before) == beforeIt && columnsOf(packets, behind) == behindIt);
  for (const uint32_t row : {before, behind}) {
    const uint8_t* slot = packets.slot(row);
    REQUIRE(std::all_of(slot, slot + kSlot, [](uint8_t byte) { return byte == kPattern; }));
  }
}

void pop(const Packets& packets, Rings& rings, Input& input) {
  const uint32_t n = input.byte() % kMostTaken;
  popBetween(packets, n, input, [&](uint32_t first) {
    uint32_t taken;
    try {
      taken = popHeld(packets, first, n, rings.borrowed());
    } catch (const std::invalid_argument&) {
      REQUIRE(n > rings.held);
      return;
    }
    REQUIRE(n <= rings.held);
    for (uint32_t row = first; row < first + n; row++) {
      REQUIRE(heldOf(packets, row) == rings.queue.front());
      REQUIRE(packets.length()[row] == rings.queue.front().bytes.size());
      rings.queue.pop_front();
    }
    rings.popped(n, taken);
  });
}

// The rings of somebody who lies, in memory of its own.
void lie(const Packets& packets, Rings rings, Input& input) {
  const auto damage = input.bytes(16);
  if (!rings.words.empty()) {
    for (size_t i = 0; i + 1 < damage.size(); i += 2)
      rings.words[(damage[i] * kHeldWords + kStart + (damage[i + 1] & 1)) % rings.words.size()] =
          damage[i + 1] * 0x00810021u;
  }
  uint32_t* const ends[] = {&rings.head, &rings.held, &rings.dataHead, &rings.bytes};
  const uint8_t which = input.byte();
  if ((which & 4) != 0) *ends[which & 3] = input.take<uint32_t>();
  if ((which & 8) != 0) *ends[which & 3] = static_cast<uint32_t>(*ends[which & 3] + (which >> 4) - 8);
  const uint32_t n = input.byte() % kMostTaken;
  popBetween(packets, n, input, [&](uint32_t first) {
    try {
      popHeld(packets, first, n, rings.borrowed());
      for (uint32_t row = first; row < first + n; row++)
        REQUIRE(bytesOf(packets, row).size() == packets.length()[row]);
    } catch (const std::invalid_argument&) {
    }
  });
  try {
    pushHeld(packets, std::vector<uint16_t>(n, uint16_t{3}), rings.borrowed());
  } catch (const std::invalid_argument&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Packets& packets = freshPackets();
  Input input({data, size});
  const uint32_t places = input.byte();
  Rings rings(places, input.take<uint16_t>() % (3 * kSlot));
  while (!input.empty()) {
    const uint8_t step = input.byte();
    for (uint32_t i = 0; i < (step >> 3 & 3u); i++) fill(packets, input.byte() % FuzzTable::kUsed, input);
    if ((step & 7) == 0)
      lie(packets, rings, input);
    else if ((step & 1) != 0)
      push(packets, rings, input);
    else
      pop(packets, rings, input);
  }
  return 0;
}
