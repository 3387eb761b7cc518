// Offers frames at a rate: `sender INTERFACE CPU FRAMES`. FRAMES is a file of records: the length of a frame
// in 4 bytes, as this machine has them, and ROOM bytes of it. For each line "RATE SECONDS" on its standard
// input it sends them again and again, and writes one: frames that the interface took, and nanoseconds from
// the first to the last. `sender INTERFACE` makes the interface ready to receive them.
//
// The kernel makes the frames itself, in XDP's test mode with live frames
// (Documentation/bpf/bpf_prog_run.rst), and hands them to one end of a veth pair: a system call a packet
// costs more than all of the way to the receiver, and one processor has to be enough for both.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 124, BURST = 32, BATCH = 64 };

struct Frame {
  uint32_t length;
  uint8_t bytes[ROOM];
};

// What the program in the kernel goes by. Times are CLOCK_MONOTONIC, in ns.
struct State {
  uint64_t next;      // frame
  uint64_t left;      // frames of this burst
  uint64_t due;       // when the next burst is
  uint64_t interval;  // between bursts
  uint64_t last;      // when the last frame was sent
};

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static long bpf(int command, union bpf_attr* attributes) {
  return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int makeMap(uint32_t size, uint32_t entries) {
  union bpf_attr a = {.map_type = BPF_MAP_TYPE_ARRAY,
                      .key_size = sizeof(uint32_t),
                      .value_size = size,
                      .max_entries = entries,
                      .map_flags = BPF_F_MMAPABLE};
  const int fd = (int)bpf(BPF_MAP_CREATE, &a);
  if (fd < 0) fail("BPF_MAP_CREATE");
  return fd;
}

static void* mapped(int fd, size_t size) {
  void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

// Instructions of BPF. r1 to r5 are a call's arguments, r0 is its result, r6 to r9 outlive it.
#define OP(CODE, DST, SRC, OFF, IMM) \
  { .code = (CODE), .dst_reg = (DST), .src_reg = (SRC), .off = (OFF), .imm = (IMM) }
#define MOVE(DST, SRC) OP(BPF_ALU64 | BPF_MOV | BPF_X, DST, SRC, 0, 0)
#define SET(DST, VALUE) OP(BPF_ALU64 | BPF_MOV | BPF_K, DST, 0, 0, VALUE)
#define ADD(DST, VALUE) OP(BPF_ALU64 | BPF_ADD | BPF_K, DST, 0, 0, VALUE)
#define PLUS(DST, SRC) OP(BPF_ALU64 | BPF_ADD | BPF_X, DST, SRC, 0, 0)
#define MINUS(DST, SRC) OP(BPF_ALU64 | BPF_SUB | BPF_X, DST, SRC, 0, 0)
#define LOAD(DST, SRC, FIELD) OP(BPF_LDX | BPF_MEM | BPF_DW, DST, SRC, (int)offsetof(struct State, FIELD), 0)
#define STORE(FIELD, SRC) OP(BPF_STX | BPF_MEM | BPF_DW, 7, SRC, (int)offsetof(struct State, FIELD), 0)
#define LOAD32(DST, SRC, OFF) OP(BPF_LDX | BPF_MEM | BPF_W, DST, SRC, (int)(OFF), 0)
#define SKIP(COUNT, HOW, DST, VALUE) OP(BPF_JMP | (HOW) | BPF_K, DST, 0, COUNT, VALUE)
#define SKIP_IF_NOT_BELOW(COUNT, DST, SRC) OP(BPF_JMP | BPF_JGE | BPF_X, DST, SRC, COUNT, 0)
#define CALL(FUNCTION) OP(BPF_JMP | BPF_CALL, 0, 0, 0, FUNCTION)
#define EXIT OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
// r0 = the value of a map at the index in r1
#define LOOK(MAP)                                                                       \
  OP(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, 1, -4, 0), MOVE(2, BPF_REG_10), ADD(2, -4), \
      OP(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, MAP), OP(0, 0, 0, 0, 0),   \
      CALL(BPF_FUNC_map_lookup_elem), SKIP(2, BPF_JNE, 0, 0), SET(0, XDP_ABORTED), EXIT

// The program that the kernel runs again and again. If a frame is due, it writes the frame and sends it.
static int load(int states, int frames, uint32_t count, int interface) {
  const struct bpf_insn program[] = {
      MOVE(6, 1),
      SET(1, 0),
      LOOK(states),
      MOVE(7, 0),
      CALL(BPF_FUNC_ktime_get_ns),
      MOVE(8, 0),
      // If nothing is left of this burst, the next must be due.
      LOAD(1, 7, left),
      SKIP(8, BPF_JNE, 1, 0),
      LOAD(2, 7, due),
      SKIP_IF_NOT_BELOW(2, 8, 2),
      SET(0, XDP_DROP),
      EXIT,
      LOAD(3, 7, interval),
      PLUS(2, 3),
      STORE(due, 2),
      SET(1, BURST),
      ADD(1, -1),
      STORE(left, 1),
      STORE(last, 8),
      LOAD(1, 7, next),
      MOVE(2, 1),
      ADD(2, 1),
      SKIP(1, BPF_JLT, 2, (int)count),
      SET(2, 0),
      STORE(next, 2),
      LOOK(frames),
      MOVE(7, 0),
      // What is sent gets the frame's length, and its bytes.
      LOAD32(2, 7, 0),
      LOAD32(3, 6, offsetof(struct xdp_md, data_end)),
      LOAD32(4, 6, offsetof(struct xdp_md, data)),
      MINUS(3, 4),
      MINUS(2, 3),
      MOVE(1, 6),
      CALL(BPF_FUNC_xdp_adjust_tail),
      LOAD32(4, 7, 0),
      SKIP(6, BPF_JEQ, 4, 0),
      SKIP(5, BPF_JGT, 4, ROOM),
      MOVE(1, 6),
      SET(2, 0),
      MOVE(3, 7),
      ADD(3, offsetof(struct Frame, bytes)),
      CALL(BPF_FUNC_xdp_store_bytes),
      SET(1, interface),
      SET(2, 0),
      CALL(BPF_FUNC_redirect),
      EXIT,
  };
  static char log[1 << 16];
  union bpf_attr a = {.prog_type = BPF_PROG_TYPE_XDP,
                      .insns = (uintptr_t)program,
                      .insn_cnt = sizeof program / sizeof program[0],
                      .license = (uintptr_t) "GPL",
                      .log_buf = (uintptr_t)log,
                      .log_size = sizeof log,
                      .log_level = 1};
  const int fd = (int)bpf(BPF_PROG_LOAD, &a);
  if (fd < 0) fprintf(stderr, "%s\n", log), fail("BPF_PROG_LOAD");
  return fd;
}

// Copies the records of a file into a map. Returns how many there are.
static uint32_t readFrames(const char* name, int* map) {
  FILE* file = fopen(name, "r");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) fail(name);
  const long size = ftell(file);
  const uint32_t count = (uint32_t)(size / (long)sizeof(struct Frame));
  rewind(file);
  *map = makeMap(sizeof(struct Frame), count);
  if (fread(mapped(*map, count * sizeof(struct Frame)), sizeof(struct Frame), count, file) != count)
    fail(name);
  fclose(file);
  return count;
}

// What the interface has taken.
static uint64_t taken(const char* interface) {
  char name[128];
  unsigned long long count = 0;
  snprintf(name, sizeof name, "/sys/class/net/%s/statistics/tx_packets", interface);
  FILE* file = fopen(name, "r");
  if (file == NULL || fscanf(file, "%llu", &count) != 1) fail(name);
  fclose(file);
  return count;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void ignore(int signal) {
  (void)signal;
}

// Runs the program until an alarm ends it. To begin and to end that takes the kernel some 25 ms.
static void run(int program, double seconds) {
  static uint8_t frame[ROOM];
  const struct itimerval alarm = {
      .it_value = {(time_t)seconds, (suseconds_t)((seconds - (time_t)seconds) * 1e6)}};
  setitimer(ITIMER_REAL, &alarm, NULL);
  union bpf_attr a = {.test = {.prog_fd = (uint32_t)program,
                               .data_in = (uintptr_t)frame,
                               .data_size_in = ROOM,
                               .repeat = UINT32_MAX,
                               .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
                               .batch_size = BATCH}};
  if (bpf(BPF_PROG_TEST_RUN, &a) != 0 && errno != EINTR) fail("BPF_PROG_TEST_RUN");
}

// A veth pair carries frames of XDP to an end that polls, as network cards do, which it does for GRO.
static void setReceiver(const char* interface) {
  struct ethtool_value on = {.cmd = ETHTOOL_SGRO, .data = 1};
  struct ifreq request = {.ifr_data = (char*)&on};
  strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  if (ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCETHTOOL, &request) != 0) fail(interface);
}

int main(int argc, char** argv) {
  if (argc == 2) return setReceiver(argv[1]), 0;
  if (argc != 4) return 2;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(strtoul(argv[2], NULL, 10), &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus) != 0) fail("sched_setaffinity");
  // Without SA_RESTART: the alarm ends the system call.
  const struct sigaction action = {.sa_handler = ignore};
  sigaction(SIGALRM, &action, NULL);
  int frames;
  const uint32_t count = readFrames(argv[3], &frames);
  const int states = makeMap(sizeof(struct State), 1);
  volatile struct State* const state = mapped(states, sizeof(struct State));
  const int program = load(states, frames, count, (int)if_nametoindex(argv[1]));
  double rate, seconds;
  while (scanf("%lf %lf", &rate, &seconds) == 2) {
    const uint64_t before = taken(argv[1]), start = now();
    state->due = state->last = start;
    state->interval = (uint64_t)(BURST * 1e9 / rate);
    run(program, seconds);
    printf("%llu %llu\n", (unsigned long long)(taken(argv[1]) - before),
           (unsigned long long)(state->last - start));
    fflush(stdout);
  }
  return 0;
}
