// What the packet path cannot do without, in a loop of C: the same reads and copies, and nothing decided.
//
//   floor copy CAPTURE          the file in chunks of 64 KB, each packet copied into a slot of its own
//   floor sum CAPTURE           … and its bytes summed up, as checksums do
//   floor flows CAPTURE         … and two places of a table for 1M flows read, and one written, by its
//                               addresses
//   floor universes CAPTURE     … and the same of a table for 1M scans, and of one for the keys of a turn
//   floor random ENTRIES        two places of a table at random, prefetched over 256 of them
//
// It prints the packets, and ns of processor time for each.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
  kChunk = 64 * 1024,
  kBatch = 512,
  kSlot = 2112,
  kHeadroom = 64,
  kRecord = 16,
  // Ethernet, outer IPv4 and GRE, and the inner source address.
  kAddresses = 14 + 24 + 12,
  kControl = 16,
  kFlow = 40,
  kScan = 32,
  kWays = 14,
  kCapacity = 1 << 20,
  kRandom = 4000000,
  kPlaces = 4096,
};

enum Mode { kCopy, kSum, kFlows, kUniverses };

struct Table {
  uint64_t buckets, entry;
  uint8_t *control, *entries;
};

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void report(uint64_t begin, uint64_t packets) {
  printf("%llu packets, %.2f ns each\n", (unsigned long long)packets,
         (double)(now() - begin) / (double)packets);
}

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static uint8_t* allocate(size_t bytes) {
  uint8_t* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  // As for our tables.
  madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

// Laid out as native/table.h has it: ten entries of fourteen places are in use.
static struct Table makeTable(uint64_t entries, uint64_t entry) {
  const uint64_t buckets = (entries + 9) / 10;
  const struct Table table = {buckets, entry, allocate(buckets * kControl),
                              allocate(buckets * kWays * entry)};
  // The first touch of memory is not what is measured.
  memset(table.control, 1, buckets * kControl);
  memset(table.entries, 1, buckets * kWays * entry);
  return table;
}

static uint64_t visit(const struct Table* table, const uint64_t* hashes, int count, int stores) {
  uint64_t sum = 0;
  for (int i = 0; i < count; i++) {
    const uint64_t bucket = ((hashes[i] >> 32) * table->buckets) >> 32;
    __builtin_prefetch(table->control + bucket * kControl);
    __builtin_prefetch(table->entries + (bucket * kWays + hashes[i] % kWays) * table->entry);
  }
  for (int i = 0; i < count; i++) {
    const uint64_t bucket = ((hashes[i] >> 32) * table->buckets) >> 32;
    uint32_t* entry = (uint32_t*)(table->entries + (bucket * kWays + hashes[i] % kWays) * table->entry);
    sum += table->control[bucket * kControl] + entry[0];
    if (stores) entry[5]++;
  }
  return sum;
}

// What a new universe for each packet needs of memory: its key among those of the turn.
static uint64_t note(const uint64_t* hashes, int count) {
  static uint32_t keys[3 * kBatch], places[kPlaces];
  uint64_t sum = 0;
  for (int i = 0; i < count; i++) {
    uint32_t* place = &places[hashes[i] % kPlaces];
    sum += *place;
    memcpy(&keys[3 * i], &hashes[i], 8);
    keys[3 * i + 2] = *place = (uint32_t)i;
  }
  return sum;
}

static uint64_t sumBytes(const uint8_t* at, uint32_t length) {
  uint64_t sum = 0;
  for (; length >= 8; at += 8, length -= 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    sum += (word & 0xffffffff) + (word >> 32);
  }
  for (; length > 0; length--) sum += *at++;
  return sum;
}

static uint64_t play(const char* file, enum Mode mode, uint64_t* packets) {
  static uint8_t chunk[2 * kChunk];
  uint8_t* slots = allocate((size_t)kBatch * kSlot);
  const struct Table flows = makeTable(mode >= kFlows ? kCapacity : 1, kFlow);
  const struct Table scans = makeTable(mode >= kUniverses ? kCapacity : 1, kScan);
  uint64_t hashes[kBatch], sum = 0;
  const int fd = open(file, O_RDONLY);
  if (fd < 0) fail(file);
  size_t held = 0, at = 24;
  int row = 0;
  const uint64_t start = now();
  for (;;) {
    const ssize_t got = read(fd, chunk + held, kChunk);
    if (got < 0) fail(file);
    if (got == 0) break;
    held += (size_t)got;
    for (;;) {
      if (held - at < kRecord) break;
      uint32_t length;
      memcpy(&length, chunk + at + 8, 4);
      if (length > kSlot - kHeadroom) exit(1);
      if (held - at < kRecord + length) break;
      const uint8_t* packet = chunk + at + kRecord;
      uint8_t* slot = slots + row * kSlot + kHeadroom;
      memcpy(slot, packet, length);
      if (mode >= kSum) sum += sumBytes(slot, length);
      if (mode >= kFlows) {
        uint64_t ends;
        memcpy(&ends, slot + kAddresses, 8);
        hashes[row] = (ends ^ ends >> 29) * 0x9e3779b97f4a7c15ull;
      }
      at += kRecord + length;
      ++*packets;
      if (++row == kBatch) {
        if (mode >= kFlows) sum += visit(&flows, hashes, kBatch, 1);
        if (mode >= kUniverses) sum += visit(&scans, hashes, kBatch, 1) + note(hashes, kBatch);
        row = 0;
      }
    }
    memmove(chunk, chunk + at, held - at);
    held -= at;
    at = 0;
  }
  report(start, *packets);
  close(fd);
  return sum;
}

static uint64_t wander(uint64_t entries, uint64_t* packets) {
  const struct Table table = makeTable(entries, kFlow);
  uint64_t hashes[kBatch], sum = 0, random = 1;
  const uint64_t begin = now();
  for (uint64_t i = 0; i < kRandom; i += kBatch) {
    for (int j = 0; j < kBatch; j++)
      hashes[j] = random = random * 6364136223846793005ull + 1442695040888963407ull;
    sum += visit(&table, hashes, kBatch, 0);
    *packets += kBatch;
  }
  report(begin, *packets);
  return sum;
}

int main(int argc, char** argv) {
  static const char* const kModes[] = {"copy", "sum", "flows", "universes"};
  const char* what = argc == 3 ? argv[1] : "";
  int mode = kCopy;
  while (mode <= kUniverses && strcmp(what, kModes[mode]) != 0) mode++;
  uint64_t packets = 0, sum;
  if (strcmp(what, "random") == 0) {
    sum = wander(strtoull(argv[2], NULL, 10), &packets);
  } else if (mode <= kUniverses) {
    sum = play(argv[2], (enum Mode)mode, &packets);
  } else {
    fprintf(stderr, "usage: floor copy|sum|flows|universes CAPTURE, floor random ENTRIES\n");
    return 2;
  }
  // The compiler must not leave the work out.
  return sum == 1 && packets == 0;
}
