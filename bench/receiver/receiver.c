// The least that a process must do to receive GRE packets: `receiver ring|blocks|raw|xdp INTERFACE BYTES
// WORK`. It takes them from an AF_PACKET ring (frames of TPACKET_V2, blocks of TPACKET_V3), from a raw
// socket, or from AF_XDP in copy mode, does some work with each, and for each line on its standard input
// writes one: packets received, packets that the kernel dropped, nanoseconds of processor time, and how many
// of them were the kernel's. WORK is
//
//   walk    nothing
//   read    to read it
//   copy    to copy it into a slot of a table, beside its time and its length
//   flows   … to sum its bytes up, as checksums do, to read two places of a table for 1M flows, which its
//           addresses choose, and to write one
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, FRAME = 2240, BATCH = 256, SLOT = 2048, RETIRE = 2, PAUSE = 1, HEADROOM = 64 };
enum Work { WALK, READ, COPY, FLOWS };
// A table as native/table.h has it, and where addresses are: behind the outer IPv4 header and GRE's.
enum { CONTROL = 16, ENTRY = 40, WAYS = 14, BUCKETS = (1 << 20) / 10, ADDRESSES = 24 + 12 };

static enum Work work;
static uint64_t received, dropped;

static void fail(const char* what) {
  perror(what);
  exit(1);
}

// What is known about the packets of a batch, and their bytes.
static struct {
  uint32_t sec[BATCH], nsec[BATCH], length[BATCH];
  uint64_t hash[BATCH];
  uint8_t slots[BATCH][HEADROOM + SLOT];
} rows;
static uint32_t row;
static uint8_t *controls, *entries;

// Looks up the flows of the packets since it was called last.
static void visit(void) {
  uint64_t sum = 0;
  for (uint32_t i = 0; work == FLOWS && i < 2 * row; i++) {
    const uint64_t hash = rows.hash[i % row], bucket = ((hash >> 32) * BUCKETS) >> 32;
    uint8_t* const entry = entries + (bucket * WAYS + hash % WAYS) * ENTRY;
    if (i < row) {
      __builtin_prefetch(controls + bucket * CONTROL);
      __builtin_prefetch(entry);
    } else {
      sum += controls[bucket * CONTROL];
      sum += ++*(uint32_t*)entry;
    }
  }
  __asm__ volatile("" : : "r"(sum));
  row = 0;
}

static uint64_t sumBytes(const uint8_t* at, uint32_t length) {
  uint64_t sum = 0, word;
  for (; length >= 8; at += 8, length -= 8) {
    memcpy(&word, at, 8);
    sum += (word & UINT32_MAX) + (word >> 32);
  }
  for (; length > 0; length--) sum += *at++;
  return sum;
}

static void use(const uint8_t* packet, uint32_t length, uint32_t sec, uint32_t nsec) {
  uint64_t sum = 0;
  received++;
  if (work == READ) {
    for (uint32_t i = 0; i < length; i += 8) sum += packet[i];
  } else if (work > READ) {
    if (length > SLOT) length = SLOT;
    uint8_t* const slot = rows.slots[row] + HEADROOM;
    memcpy(slot, packet, length);
    rows.sec[row] = sec;
    rows.nsec[row] = nsec;
    rows.length[row] = length;
    if (work == FLOWS) {
      uint64_t addresses;
      sum = sumBytes(slot, length);
      memcpy(&addresses, slot + ADDRESSES, sizeof addresses);
      rows.hash[row] = (addresses ^ addresses >> 29) * 0x9e3779b97f4a7c15u;
    }
    if (++row == BATCH) visit();
  }
  // The compiler must not leave the work out.
  __asm__ volatile("" : : "r"(sum) : "memory");
}

#include "xsk.h"

static void report(int fd, int isRing) {
  struct tpacket_stats_v3 statistics = {0};
  socklen_t size = sizeof statistics;
  if (isRing && getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) == 0)
    dropped += statistics.tp_drops;
  if (queueCount > 0) dropped = droppedByXsk();
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  const uint64_t system = (uint64_t)used.ru_stime.tv_sec * 1000000 + (uint64_t)used.ru_stime.tv_usec;
  const uint64_t user = (uint64_t)used.ru_utime.tv_sec * 1000000 + (uint64_t)used.ru_utime.tv_usec;
  printf("%llu %llu %llu %llu\n", (unsigned long long)received, (unsigned long long)dropped,
         (unsigned long long)(user + system) * 1000, (unsigned long long)system * 1000);
  fflush(stdout);
}

static uint8_t* openRing(int* fd, const char* interface, uint32_t bytes, int version) {
  *fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
  if (*fd < 0) fail("socket");
  // IPv4, protocol 47: the fields lie where the network header is.
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_ABS | BPF_H, (uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 3),
      BPF_STMT(BPF_LD | BPF_ABS | BPF_B, (uint32_t)SKF_NET_OFF + 9),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 47, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const struct sock_fprog program = {sizeof code / sizeof code[0], code};
  if (setsockopt(*fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) fail("SO_ATTACH_FILTER");
  if (setsockopt(*fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0) fail("PACKET_VERSION");
  struct tpacket_req3 request = {0};
  request.tp_block_size = BLOCK;
  request.tp_block_nr = bytes / BLOCK;
  request.tp_frame_size = FRAME;
  request.tp_frame_nr = BLOCK / FRAME * request.tp_block_nr;
  request.tp_retire_blk_tov = RETIRE;
  const socklen_t size = version == TPACKET_V3 ? sizeof request : sizeof(struct tpacket_req);
  if (setsockopt(*fd, SOL_PACKET, PACKET_RX_RING, &request, size) != 0) fail("PACKET_RX_RING");
  uint8_t* ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
  if (ring == MAP_FAILED) fail("mmap");
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  address.sll_ifindex = (int)if_nametoindex(interface);
  if (bind(*fd, (struct sockaddr*)&address, sizeof address) != 0) fail("bind");
  return ring;
}

// Returns how many packets there were.
static uint32_t takeFrames(uint8_t* ring, uint32_t bytes) {
  static uint32_t at;
  const uint32_t frames = BLOCK / FRAME * (bytes / BLOCK);
  uint32_t taken = 0;
  for (;; taken++) {
    struct tpacket2_hdr* h =
        (struct tpacket2_hdr*)(ring + (size_t)(at / (BLOCK / FRAME)) * BLOCK + at % (BLOCK / FRAME) * FRAME);
    if ((__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return taken;
    use((uint8_t*)h + h->tp_net, h->tp_snaplen - (h->tp_net - h->tp_mac), h->tp_sec, h->tp_nsec);
    __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    at = (at + 1) % frames;
  }
}

static uint32_t takeBlocks(uint8_t* ring, uint32_t bytes) {
  static uint32_t at;
  uint32_t taken = 0;
  for (;;) {
    uint8_t* block = ring + (size_t)at * BLOCK;
    struct tpacket_hdr_v1* header = &((struct tpacket_block_desc*)block)->hdr.bh1;
    if ((__atomic_load_n(&header->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return taken;
    struct tpacket3_hdr* p = (struct tpacket3_hdr*)(block + header->offset_to_first_pkt);
    for (uint32_t i = 0; i < header->num_pkts; i++, taken++) {
      use((uint8_t*)p + p->tp_net, p->tp_snaplen - (p->tp_net - p->tp_mac), p->tp_sec, p->tp_nsec);
      p = (struct tpacket3_hdr*)((uint8_t*)p + p->tp_next_offset);
    }
    __atomic_store_n(&header->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    at = (at + 1) % (bytes / BLOCK);
  }
}

static uint32_t takeMessages(int fd) {
  static uint8_t slots[BATCH][SLOT];
  static struct mmsghdr messages[BATCH];
  static struct iovec pieces[BATCH];
  for (int i = 0; i < BATCH; i++) {
    pieces[i] = (struct iovec){slots[i], SLOT};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
  }
  const int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) use(slots[i], messages[i].msg_len, 0, 0);
  return count > 0 ? (uint32_t)count : 0;
}

int main(int argc, char** argv) {
  static const char* const works[] = {"walk", "read", "copy", "flows"};
  if (argc != 5) return 2;
  while (strcmp(argv[4], works[work]) != 0)
    if (++work > FLOWS) return 2;
  controls = calloc(BUCKETS, CONTROL);
  entries = calloc((size_t)BUCKETS * WAYS, ENTRY);
  if (controls == NULL || entries == NULL) fail("memory");
  const int isRaw = strcmp(argv[1], "raw") == 0, isBlocks = strcmp(argv[1], "blocks") == 0;
  const int isXdp = strcmp(argv[1], "xdp") == 0;
  uint32_t bytes = (uint32_t)atoi(argv[3]);
  uint8_t* ring = NULL;
  int fd = -1;
  if (isXdp) {
    openXsk(argv[2], bytes);
  } else if (isRaw) {
    fd = socket(AF_INET, SOCK_RAW, 47);
    if (fd < 0) fail("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) fail("SO_RCVBUFFORCE");
  } else {
    ring = openRing(&fd, argv[2], bytes, isBlocks ? TPACKET_V3 : TPACKET_V2);
    // The kernel would answer what nobody but a packet socket reads.
    struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    const struct sock_fprog program = {1, nothing};
    const int claim = socket(AF_INET, SOCK_RAW, 47);
    if (claim < 0 || setsockopt(claim, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
      fail("claim");
  }
  struct pollfd ready[1 + QUEUES] = {{STDIN_FILENO, POLLIN, 0}, {fd, POLLIN, 0}};
  const uint32_t sources = isXdp ? queueCount : 1;
  for (uint32_t i = 0; i < queueCount; i++) ready[1 + i] = (struct pollfd){queues[i].fd, POLLIN, 0};
  char line[64];
  for (;;) {
    poll(ready, 1 + sources, -1);
    if (ready[0].revents) {
      if (read(STDIN_FILENO, line, sizeof line) <= 0) return 0;
      report(fd, !isRaw && !isXdp);
    }
    uint32_t taken = 0;
    if (isXdp)
      taken = takeXsk();
    else if (ready[1].revents)
      taken = isRaw ? takeMessages(fd) : isBlocks ? takeBlocks(ring, bytes) : takeFrames(ring, bytes);
    visit();
    // As the gateway's poller: packets that come one by one wait for each other.
    if (taken < BATCH / 4) usleep(PAUSE * 1000);
  }
}
