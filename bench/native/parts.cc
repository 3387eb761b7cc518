// Drives each native part of the packet path over the packets of a capture, so that its instructions can be
// counted: see bench/instructions/. No Node.js is in it. Each part is a function whose name begins with
// part_, and is called once a batch.
//
//   parts CAPTURE PROGRAM FIRST TABLE
//
// CAPTURE is a pcap of GRE packets, each of another flow; PROGRAM the words of a classifier, which begins at
// FIRST; TABLE those of the decision table for the same.
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "capture.h"
#include "checksum.h"
#include "classify.h"
#include "decide.h"
#include "flow.h"
#include "gre.h"
#include "ip.h"
#include "protocol.h"
#include "rig.h"
#include "universe_keys.h"

using namespace potemkin;

namespace {

constexpr uint32_t kFlows = 1 << 16, kUniverse = 7, kNow = 1000;

constexpr TableShape kShape{3, 1, kFlows};

std::vector<uint8_t> file;
size_t position = 0;
std::vector<ClassifierStep> program;
int32_t first = 0;
std::vector<uint32_t> decisions;

const PacketMemory memory;
const Packets packets = memory.packets();
uint16_t rows[kBatch];
size_t count = 0;
Capture capture{};
Tunnel received{kTunnelOrder, 0, 0, 0, 0, 0, 0, 0}, sent{0, 1, 2, 0, 0, 0, 0, 0};
uint16_t results[kRows], decided[kRows];
Disposition dispositions[kRows];
uint32_t keys[kBatch * 3];
int32_t slots[kBatch];
uint8_t fresh[kBatch];
uint8_t written[kBatch * (kRecordHeader + kSlot)];
uint64_t sum = 0;

const TableMemory flowMemory(Flows::shape(kFlows)), fragmentMemory(Flows::fragmentShape(1024));
const TableMemory keyMemory(kShape), universeMemory(kShape);
UniverseKeysMemory universeKeys{};

void eachFlow(void (Flows::*classify)(const Packets&, std::span<const uint16_t>, uint32_t, Disposition*)) {
  Table flowTable(flowMemory.bytes()), fragmentTable(fragmentMemory.bytes());
  Flows flows(flowTable, fragmentTable);
  (flows.*classify)(packets, {rows, count}, kNow, dispositions);
}

void settle() {
  Table flowTable(flowMemory.bytes()), fragmentTable(fragmentMemory.bytes());
  Flows flows(flowTable, fragmentTable);
  flows.settle(packets, {rows, count});
}

}  // namespace

#define PART extern "C" __attribute__((noinline, used)) void

PART part_capture_read() {
  readCapture(capture, std::span(file).subspan(position), packets, 0, kBatch);
  position += capture.consumed;
  count = capture.rows;
}

PART part_decapsulate() {
  require(decapsulate(packets, rows, count, received).faulty == 0, "sound GRE");
}

PART part_check() {
  require(checkIp(packets, rows, count, 0).faulty == 0, "sound IPv4");
}

PART part_check_transport() {
  require(checkIp(packets, rows, count, kCheckTransport).faulty == 0, "sound transports");
}

PART part_classify() {
  classify(packets, {rows, count}, program, first, results);
}

PART part_decide() {
  decide(packets, {rows, count}, decisions, decided);
}

PART part_flow_new() {
  eachFlow(&Flows::outside);
}

PART part_flow_settle_new() {
  settle();
}

PART part_flow_known() {
  eachFlow(&Flows::outside);
}

PART part_flow_settle() {
  settle();
}

PART part_flow_inside() {
  eachFlow(&Flows::inside);
}

PART part_table_upsert_new() {
  Table table(keyMemory.bytes());
  table.upsert(keys, static_cast<uint32_t>(count), kNow, Table::kNever, WhenFull::kForgetOldest, slots,
               fresh);
}

PART part_table_upsert_known() {
  Table table(keyMemory.bytes());
  table.upsert(keys, static_cast<uint32_t>(count), kNow, Table::kNever, WhenFull::kForgetOldest, slots,
               fresh);
}

PART part_table_lookup() {
  const Table table(keyMemory.bytes());
  table.lookup(keys, static_cast<uint32_t>(count), kNow, Table::kNever, slots);
}

PART part_universe_keys() {
  const Table universes(universeMemory.bytes());
  UniverseKeys(universeKeys, universes).read(packets, {rows, count}, KeyBy::kPair);
}

PART part_rewrite() {
  require(rewriteIp(packets, rows, count) == 0, "packets that can be rewritten");
}

PART part_checksum() {
  for (size_t i = 0; i < count; i++) {
    const uint16_t row = rows[i];
    sum += fold(sumBytes(packets.base + packets.start()[row], packets.length()[row]));
  }
}

PART part_encapsulate() {
  require(encapsulate(packets, rows, count, sent) == 0, "packets that fit into GRE");
}

PART part_capture_write() {
  require(writeCapture(packets, rows, count, false, written) > 0, "room for records");
}

namespace {

void requireAll(Disposition disposition, const char* what) {
  for (size_t i = 0; i < count; i++) require(dispositions[i] == disposition, what);
}

// What elements of TypeScript do in between: a clone takes the packets.
void take() {
  for (size_t i = 0; i < count; i++) {
    packets.clone()[rows[i]] = 1;
    packets.universe()[rows[i]] = kUniverse;
  }
}

// And answers with SYN and ACK, UDP, and echo replies.
void turnAround() {
  for (size_t i = 0; i < count; i++) {
    const uint16_t row = rows[i];
    std::swap(packets.src()[row], packets.dst()[row]);
    packets.tcpFlags()[row] |= 0x10;
    if (packets.proto()[row] == kIcmp)
      packets.sport()[row] = 0;
    else
      std::swap(packets.sport()[row], packets.dport()[row]);
    keys[i * 3] = packets.src()[row];
    keys[i * 3 + 1] = packets.dst()[row];
    keys[i * 3 + 2] = packets.dport()[row] << 8 | packets.proto()[row];
  }
}

void batch() {
  part_decapsulate();
  part_check();
  part_check_transport();
  part_classify();
  part_decide();
  require(std::equal(results, results + count, decided), "the same of the program and of the table");
  part_flow_new();
  requireAll(Disposition::kNew, "packets of new flows");
  take();
  part_flow_settle_new();
  part_flow_known();
  requireAll(Disposition::kKnown, "packets of known flows");
  take();
  part_flow_settle();
  turnAround();
  part_flow_inside();
  requireAll(Disposition::kKnown, "answers of known flows");
  settle();
  part_table_upsert_new();
  part_table_upsert_known();
  part_table_lookup();
  for (size_t i = 0; i < count; i++)
    require(fresh[i] == 0 && slots[i] != Table::kNone, "keys that were inserted");
  part_universe_keys();
  require(universeKeys.count == count, "a universe for each packet");
  universeKeys.count = 0;
  part_rewrite();
  part_checksum();
  part_encapsulate();
  part_capture_write();
}

}  // namespace

int main(int argc, char** argv) {
  require(argc == 5, "CAPTURE PROGRAM FIRST TABLE");
  file = readFile<uint8_t>(argv[1]);
  program = readFile<ClassifierStep>(argv[2]);
  first = std::stoi(argv[3]);
  decisions = readFile<uint32_t>(argv[4]);
  std::iota(rows, rows + kBatch, uint16_t{0});
  {
    Table table(flowMemory.bytes());
    Flows::configure(table, {300, 300, 300, 300});
  }
  size_t all = 0;
  for (part_capture_read(); count > 0; part_capture_read()) {
    batch();
    all += count;
  }
  std::printf("%zu packets, sum %llu\n", all, static_cast<unsigned long long>(sum));
  return 0;
}
