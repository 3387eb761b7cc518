// Calls the native parts of a chain of bench/graphs/ one after the other, a batch at a time, with no Node.js
// around them and no elements: see bench/suites/native.ts. It prints the packets, and ns of processor time
// for each.
//
//   chain ROW CAPTURE FIRST TABLE FLOWS OUT
//
// ROW is count, classify, flows, universes, default or dump; CAPTURE a pcap of GRE packets, of which the
// first FIRST are not timed; TABLE the words of the decision table of the row's classifier or filter; FLOWS
// for how many flows there is room; OUT where dump writes. The first tenth of the packets is not timed, as in
// the chains.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "capture.h"
#include "decide.h"
#include "flow.h"
#include "gre.h"
#include "ip.h"
#include "rig.h"
#include "scans.h"
#include "universe_keys.h"

using namespace potemkin;

namespace {

constexpr size_t kChunk = 128 * 1024;
// As ScanFilter has it by default, whose entries are half a cache line: see src/packet/scans.ts.
constexpr uint32_t kTargets = 1, kScanWords = 4;
constexpr uint32_t kNow = 1000, kWindow = 60000;

uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000000u + static_cast<uint64_t>(time.tv_nsec);
}

// Reads a capture, as FromDump does.
class Source {
 public:
  explicit Source(const char* name) : fd_(open(name, O_RDONLY)), buffer_(kMostRecord + kChunk) {
    require(fd_ >= 0, name);
  }
  ~Source() { close(fd_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  size_t read(const Packets& packets) {
    for (;;) {
      readCapture(capture_, {buffer_.data() + from_, to_ - from_}, packets, 0, kBatch);
      from_ += capture_.consumed;
      if (capture_.rows > 0) return capture_.rows;
      std::memmove(buffer_.data(), buffer_.data() + from_, to_ - from_);
      to_ -= from_;
      from_ = 0;
      const ssize_t got = ::read(fd_, buffer_.data() + to_, kChunk);
      if (got <= 0) return 0;
      to_ += static_cast<size_t>(got);
    }
  }

 private:
  int fd_;
  std::vector<uint8_t> buffer_;
  size_t from_ = 0, to_ = 0;
  Capture capture_{};
};

}  // namespace

int main(int argc, char** argv) {
  require(argc == 7, "ROW CAPTURE FIRST TABLE FLOWS OUT");
  const std::string row = argv[1];
  const bool filters = row == "default", classifies = row == "classify" || row == "flows" || row == "dump";
  const bool tags = row == "universes" || filters, tracks = row == "flows" || tags, writes = row == "dump";
  require(row == "count" || classifies || tracks, "a row that there is");
  Source source(argv[2]);
  const std::vector<uint32_t> decisions = readFile<uint32_t>(argv[4]);
  const auto flowCount = tracks ? static_cast<uint32_t>(std::stoul(argv[5])) : 1;
  const uint64_t first = std::stoull(argv[3]);
  const PacketMemory memory;
  const Packets packets = memory.packets();
  const TableMemory flowMemory(Flows::shape(flowCount)), fragmentMemory(Flows::fragmentShape(1024)),
      scanMemory({Scans::kKeyWords, kScanWords, tags ? flowCount : 1}), universeMemory({3, 1, 65536});
  {
    Table table(flowMemory.bytes());
    Flows::configure(table, {300, 300, 300, 300});
  }
  const int out = writes ? open(argv[6], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
  std::vector<uint8_t> written(kBatch * (kRecordHeader + kSlot));
  UniverseKeysMemory universeKeys{};
  Tunnel tunnel{};
  uint16_t rows[kBatch], results[kRows];
  Disposition dispositions[kRows];
  uint8_t admitted[kRows];
  uint64_t begin = now(), all = 0, timed = 0;

  while (const size_t count = source.read(packets)) {
    std::iota(rows, rows + count, uint16_t{0});
    if (row != "count") {
      require(decapsulate(packets, rows, count, tunnel).faulty == 0, "sound GRE");
      require(checkIp(packets, rows, count, kCheckTransport).faulty == 0, "sound transports");
    }
    if (classifies || filters) decide(packets, {rows, count}, decisions, results);
    if (tracks) {
      Table flowTable(flowMemory.bytes()), fragmentTable(fragmentMemory.bytes());
      Flows flows(flowTable, fragmentTable);
      flows.outside(packets, {rows, count}, kNow, dispositions);
      if (tags) {
        Table scanTable(scanMemory.bytes());
        Scans(scanTable, kTargets).admit(packets, {rows, count}, kNow, kWindow, admitted);
        const Table universes(universeMemory.bytes());
        UniverseKeys(universeKeys, universes).read(packets, {rows, count}, KeyBy::kPair);
        universeKeys.count = 0;
        for (size_t i = 0; i < count; i++) packets.universe()[rows[i]] = static_cast<uint32_t>(all + i) | 1;
      }
      // A clone takes the packets, so that their flows are kept.
      for (size_t i = 0; i < count; i++) packets.clone()[rows[i]] = 1;
      Flows(flowTable, fragmentTable).settle(packets, {rows, count});
    }
    if (writes) {
      const size_t bytes = writeCapture(packets, rows, count, false, written);
      require(write(out, written.data(), bytes) == static_cast<ssize_t>(bytes), "room for what is written");
    }
    all += count;
    if (all <= first)
      begin = now();
    else
      timed += count;
  }
  std::printf("%llu packets, %.2f ns each\n", static_cast<unsigned long long>(timed),
              static_cast<double>(now() - begin) / static_cast<double>(timed));
  return 0;
}
