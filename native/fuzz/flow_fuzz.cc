// Any packets, from outside and from clones, through turns of the flow table: fragments, ICMP errors and what
// they quote, decisions of any kind. Columns may be made up as well.
#include <sanitizer/asan_interface.h>

#include <utility>
#include <vector>

#include "flow.h"
#include "fuzz/input.h"
#include "fuzz/tablememory.h"
#include "ip.h"
#include "protocol.h"

using namespace potemkin;

namespace {

// So small that it gets full, and that its window wraps.
constexpr uint32_t kFlows = 24, kFragments = 8;

// What the first byte of a packet says about it.
enum Bits : uint8_t {
  kInside = 1,
  kSameAgain = 2,  // the packet before it, in another row
  kMadeUp = 4,     // columns that checkIp did not write
  kTaken = 8,      // a clone took it
  kEndsTurn = 16,
  kLater = 32,       // time passes
  kUnverified = 64,  // its IPv4 header need not be sound
  kReply = 128,      // columns say that it goes the other way
};

// Fills a row. Returns whether it comes from a clone.
bool fill(FuzzTable& table, uint32_t row, uint8_t bits, Input& input) {
  const Packets& packets = table.packets;
  packets.clear(row, 1);
  const bool again = (bits & kSameAgain) != 0 && row > 0;
  const auto held = again ? bytesOf(packets, row - 1) : std::span<uint8_t>();
  table.put(row, again ? std::span<const uint8_t>(held) : input.bytes(input.byte()));
  if ((bits & kUnverified) == 0) finishIp(packets, table.rows + row, 1);
  checkIp(packets, table.rows + row, 1, 0);
  if ((bits & kMadeUp) != 0) {
    packets.start()[row] += static_cast<uint32_t>(input.byte()) * 0x01010101;
    packets.length()[row] = static_cast<uint32_t>(input.byte()) * 0x01010101;
    packets.ipHeader()[row] = input.byte();
    packets.fragment()[row] = input.byte();
    packets.proto()[row] = input.byte();
    packets.sport()[row] = static_cast<uint16_t>(input.byte() << 8);
  }
  if ((bits & kReply) != 0) {
    std::swap(packets.src()[row], packets.dst()[row]);
    if (packets.proto()[row] != kIcmp) std::swap(packets.sport()[row], packets.dport()[row]);
  }
  packets.universe()[row] = input.byte() & 3;
  return (bits & kInside) != 0;
}

void checkCounts(const Flows& flows, const Table& table, bool turnEnds) {
  const FlowCounts counts = flows.count();
  const uint32_t all = counts.pending + counts.tcpOpening + counts.tcpOpen + counts.tcpClosing +
                       counts.tcpClosed + counts.udp + counts.icmp;
  REQUIRE(all == table.header().live);
  REQUIRE(counts.pending == table.header().user[1]);
  REQUIRE(!turnEnds || (counts.pending == 0 && all <= kFlows));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static FuzzTable table;
  table.reset();
  const Packets& packets = table.packets;
  const TableMemory flowMemory(Flows::shape(kFlows)), fragmentMemory(Flows::fragmentShape(kFragments));
  {
    Table flowTable(flowMemory.bytes());
    Flows::configure(flowTable, {300, 60, 60, 30});
  }
  Input input({data, size});
  uint32_t now = 0xffffffe0;
  while (!input.empty()) {
    Table flowTable(flowMemory.bytes()), fragmentTable(fragmentMemory.bytes());
    Flows flows(flowTable, fragmentTable);
    uint32_t n = 0;
    for (bool ends = false; !ends && n < FuzzTable::kUsed && !input.empty(); n++) {
      const uint8_t bits = input.byte();
      ends = (bits & kEndsTurn) != 0;
      if ((bits & kLater) != 0) now += input.byte();
      const bool inside = fill(table, n, bits, input);
      const std::span<const uint16_t> row(table.rows + n, 1);
      Disposition disposition;
      // A read beyond the packet would stay in the table, where AddressSanitizer sees nothing wrong with it.
      const uint8_t* behind = bytesOf(packets, n).data() + bytesOf(packets, n).size();
      const size_t rest = static_cast<size_t>(packets.slot(n + 1) - behind);
      ASAN_POISON_MEMORY_REGION(behind, rest);
      (flows.*(inside ? &Flows::inside : &Flows::outside))(packets, row, now, &disposition);
      ASAN_UNPOISON_MEMORY_REGION(behind, rest);
      REQUIRE(disposition <= Disposition::kFull);
      const uint32_t flow = packets.flow()[n];
      REQUIRE((flow != 0) == (disposition <= Disposition::kNew) && flow <= flowTable.slots());
      REQUIRE(flow == 0 || flowTable.holds(flow - 1));
      REQUIRE((disposition == Disposition::kKnown) == ((packets.flowState()[n] & kFlowKnown) != 0));
      checkCounts(flows, flowTable, false);
      if ((bits & kTaken) != 0) packets.clone()[n] = 1;
      const uint8_t verdict = input.byte();
      if (verdict < 6) packets.verdict()[n] = verdict;
    }
    flows.settle(packets, {table.rows, n});
    checkCounts(flows, flowTable, true);
    flows.sweep(now, input.byte());
    checkCounts(flows, flowTable, true);
  }
  return 0;
}
