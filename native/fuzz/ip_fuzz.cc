// Any bytes as an IPv4 packet: check, rewrite, translate, finish. What finish computed, check must accept.
#include "fuzz/input.h"
#include "ip.h"
#include "translate.h"

using namespace potemkin;

namespace {

// The source address becomes another one, the packet stays sound, and a second translation undoes it.
void translateSound(const FuzzTable& table, uint32_t row) {
  const Packets& packets = table.packets;
  const uint32_t one = packets.src()[row], other = one ^ 0x00010203;
  for (const uint32_t expected : {other, one}) {
    if (translateIp(packets, table.rows + row, 1, &one, &other) != 0) {
      REQUIRE(expected == other && packets.fragment()[row] == 1);
      packets.fault()[row] = 0;
      return;
    }
    REQUIRE(checkIp(packets, table.rows + row, 1, kCheckTransport).faulty == 0);
    REQUIRE(packets.src()[row] == expected);
  }
}

// A packet that was found sound stays so when its addresses and ports change.
void rewriteSound(const FuzzTable& table, uint32_t row) {
  const Packets& packets = table.packets;
  translateSound(table, row);
  REQUIRE(packets.payload()[row] <= packets.length()[row]);
  REQUIRE(packets.ipHeader()[row] <= packets.payload()[row]);
  packets.src()[row] ^= 0x01020304;
  packets.dst()[row] = 7;
  packets.dport()[row] ^= 0x8001;
  if (rewriteIp(packets, table.rows + row, 1) == 0)
    REQUIRE(checkIp(packets, table.rows + row, 1, kCheckTransport).faulty == 0);
  else
    REQUIRE(packets.fragment()[row] == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static FuzzTable table;
  table.reset();
  const Packets& packets = table.packets;
  table.put(0, {data, size});
  table.put(1, {data, size});
  // A row whose start and length are made up.
  if (size >= 8) {
    packets.start()[2] = load<uint32_t>(data);
    packets.length()[2] = load<uint32_t>(data + 4);
    const uint32_t faulty = checkIp(packets, table.rows + 2, 1, kCheckTransport).faulty +
                            rewriteIp(packets, table.rows + 2, 1) + finishIp(packets, table.rows + 2, 1) +
                            translateIp(packets, table.rows + 2, 1, packets.src() + 2, packets.dst() + 2);
    REQUIRE(faulty <= 4);
    packets.clear(2, 1);
  }
  table.check(1, checkIp(packets, table.rows, 1, kCheckTransport).faulty);
  if (packets.fault()[0] == 0) rewriteSound(table, 0);
  if (finishIp(packets, table.rows + 1, 1) == 0) {
    checkIp(packets, table.rows + 1, 1, kCheckTransport);
    const auto fault = static_cast<Fault>(packets.fault()[1]);
    REQUIRE(fault == Fault::kNone || fault == Fault::kIpOptions || fault == Fault::kIpFragment ||
            fault == Fault::kTransportTruncated);
    if (fault == Fault::kNone) rewriteSound(table, 1);
  }
  table.check(2, (packets.fault()[0] != 0) + (packets.fault()[1] != 0));
  return 0;
}
