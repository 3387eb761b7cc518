// AF_XDP in copy mode (Documentation/networking/af_xdp.rst): a program on the interface hands over all that
// comes to a socket for each of its queues, whose frames are ours.
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <sys/syscall.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

enum { CHUNK = 2048, QUEUES = 8, ETHERNET = 14 };

static struct Xsk {
  int fd;
  uint8_t* frames;
  uint32_t size;  // of its rings, a power of two
  uint32_t *filled, *received, *taken;
  uint64_t* fill;
  struct xdp_desc* descriptors;
} queues[QUEUES];
static uint32_t queueCount;

static long bpf(int command, union bpf_attr* attributes) {
  return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static void option(int fd, int name, const void* value, socklen_t size) {
  if (setsockopt(fd, SOL_XDP, name, value, size) != 0) fail("a socket of AF_XDP");
}

static uint8_t* map(size_t bytes, int fd, off_t offset) {
  const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
  uint8_t* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, offset);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

// False if the interface has no such queue.
static int openQueue(struct Xsk* xsk, uint32_t interface, uint32_t queue, uint32_t bytes) {
  const int fd = xsk->fd = socket(AF_XDP, SOCK_RAW, 0);
  if (fd < 0) fail("AF_XDP");
  const uint32_t size = xsk->size = bytes / CHUNK, few = 64;
  xsk->frames = map(bytes, -1, 0);
  const struct xdp_umem_reg memory = {.addr = (uintptr_t)xsk->frames, .len = bytes, .chunk_size = CHUNK};
  option(fd, XDP_UMEM_REG, &memory, sizeof memory);
  option(fd, XDP_UMEM_FILL_RING, &size, sizeof size);
  option(fd, XDP_UMEM_COMPLETION_RING, &few, sizeof few);
  option(fd, XDP_RX_RING, &size, sizeof size);
  struct xdp_mmap_offsets at;
  socklen_t length = sizeof at;
  if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &length) != 0) fail("XDP_MMAP_OFFSETS");
  uint8_t* const fill = map(at.fr.desc + (size_t)size * 8, fd, (off_t)XDP_UMEM_PGOFF_FILL_RING);
  uint8_t* const rx = map(at.rx.desc + (size_t)size * sizeof(struct xdp_desc), fd, XDP_PGOFF_RX_RING);
  xsk->filled = (uint32_t*)(fill + at.fr.producer);
  xsk->fill = (uint64_t*)(fill + at.fr.desc);
  xsk->received = (uint32_t*)(rx + at.rx.producer);
  xsk->taken = (uint32_t*)(rx + at.rx.consumer);
  xsk->descriptors = (struct xdp_desc*)(rx + at.rx.desc);
  for (uint32_t i = 0; i < size; i++) xsk->fill[i] = (uint64_t)i * CHUNK;
  __atomic_store_n(xsk->filled, size, __ATOMIC_RELEASE);
  const struct sockaddr_xdp address = {
      .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = interface, .sxdp_queue_id = queue};
  return bind(fd, (const struct sockaddr*)&address, sizeof address) == 0;
}

// Has the interface hand over what comes, for as long as this process lives.
static void attach(uint32_t interface) {
  union bpf_attr a = {.map_type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4, .max_entries = QUEUES};
  const int sockets = (int)bpf(BPF_MAP_CREATE, &a);
  if (sockets < 0) fail("BPF_MAP_CREATE");
  for (uint32_t i = 0; i < queueCount; i++) {
    a = (union bpf_attr){
        .map_fd = (uint32_t)sockets, .key = (uintptr_t)&i, .value = (uintptr_t)&queues[i].fd};
    if (bpf(BPF_MAP_UPDATE_ELEM, &a) != 0) fail("BPF_MAP_UPDATE_ELEM");
  }
  // return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS);
  const struct bpf_insn code[] = {
      {.code = BPF_LDX | BPF_MEM | BPF_W,
       .dst_reg = 2,
       .src_reg = 1,
       .off = offsetof(struct xdp_md, rx_queue_index)},
      {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = sockets},
      {0},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
      {.code = BPF_JMP | BPF_EXIT},
  };
  a = (union bpf_attr){.prog_type = BPF_PROG_TYPE_XDP,
                       .insn_cnt = sizeof code / sizeof code[0],
                       .insns = (uintptr_t)code,
                       .license = (uintptr_t) "GPL"};
  const int program = (int)bpf(BPF_PROG_LOAD, &a);
  if (program < 0) fail("BPF_PROG_LOAD");
  a = (union bpf_attr){.link_create = {.prog_fd = (uint32_t)program,
                                       .target_ifindex = interface,
                                       .attach_type = BPF_XDP,
                                       .flags = XDP_FLAGS_DRV_MODE}};
  if (bpf(BPF_LINK_CREATE, &a) < 0) fail("BPF_LINK_CREATE");
}

static void openXsk(const char* name, uint32_t bytes) {
  const uint32_t interface = if_nametoindex(name);
  while (queueCount < QUEUES && openQueue(&queues[queueCount], interface, queueCount, bytes)) queueCount++;
  if (queueCount == 0) fail("bind");
  attach(interface);
}

static uint32_t takeXsk(void) {
  uint32_t taken = 0;
  for (struct Xsk* xsk = queues; xsk < queues + queueCount; xsk++) {
    const uint32_t mask = xsk->size - 1, from = *xsk->taken;
    const uint32_t to = __atomic_load_n(xsk->received, __ATOMIC_ACQUIRE);
    uint32_t filled = *xsk->filled;
    for (uint32_t i = from; i != to; i++) {
      const struct xdp_desc packet = xsk->descriptors[i & mask];
      use(xsk->frames + packet.addr + ETHERNET, packet.len - ETHERNET, 0, 0);
      xsk->fill[filled++ & mask] = packet.addr & ~(uint64_t)(CHUNK - 1);
    }
    __atomic_store_n(xsk->taken, to, __ATOMIC_RELEASE);
    __atomic_store_n(xsk->filled, filled, __ATOMIC_RELEASE);
    taken += to - from;
  }
  return taken;
}

static uint64_t droppedByXsk(void) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < queueCount; i++) {
    struct xdp_statistics found = {0};
    socklen_t size = sizeof found;
    if (getsockopt(queues[i].fd, SOL_XDP, XDP_STATISTICS, &found, &size) == 0)
      sum += found.rx_dropped + found.rx_ring_full;
  }
  return sum;
}
