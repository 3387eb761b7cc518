#include "ring.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "ringframe.h"

namespace potemkin {

namespace {

// Loads relative to the network header, wherever the link layer puts it (linux/filter.h).
constexpr uint32_t kIpProtocol = static_cast<uint32_t>(SKF_NET_OFF) + 9;
constexpr uint32_t kIpDestination = static_cast<uint32_t>(SKF_NET_OFF) + 16;
constexpr uint32_t kEtherType = static_cast<uint32_t>(SKF_AD_OFF) + SKF_AD_PROTOCOL;

// Bytes of an interface's link-layer header, which a filter sees too.
uint32_t LinkHeader(int fd, const RingOptions& options) {
  const std::string tried = "spreading the packets of " + options.interface + " over workers";
  ifreq request{};
  // if_nametoindex has found it, so its name fits.
  options.interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFHWADDR, &request) != 0) Fail(tried);
  switch (request.ifr_hwaddr.sa_family) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
      return ETH_HLEN;
    case ARPHRD_NONE:
      return 0;
    default:
      throw IoError(tried + ": its link-layer header is not known", EAFNOSUPPORT);
  }
}

// Attaches the filter "IPv4, this protocol, to this address, of this share", so that nothing else is copied
// into the ring.
void AttachFilter(int fd, const RingOptions& options) {
  std::vector<sock_filter> code;
  // Each test skips the "return 0" behind it when it holds.
  const auto require = [&code](uint16_t load, uint32_t offset, uint32_t value) {
    code.push_back(BPF_STMT(static_cast<uint16_t>(BPF_LD | BPF_ABS | load), offset));
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  };
  require(BPF_H, kEtherType, ETH_P_IP);
  if (options.protocol != 0) require(BPF_B, kIpProtocol, options.protocol);
  if (options.local != 0) require(BPF_W, kIpDestination, options.local);
  AppendShare(code, options.share, options.share.workers > 1 ? LinkHeader(fd, options) : 0);
  const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    Fail("attaching the filter of the ring on " + options.interface);
  }
}

class Ring : public Device {
 public:
  Ring(Fd fd, const tpacket_req3& request, const RingOptions& options)
      : Device(std::move(fd)),
        blockBytes_(request.tp_block_size),
        blocks_(request.tp_block_nr),
        frameBytes_(request.tp_frame_size),
        retire_(options.retire),
        mapped_(size_t{request.tp_block_size} * request.tp_block_nr) {
    void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_SHARED, this->fd(), 0);
    if (memory == MAP_FAILED) Fail("mapping the ring on " + options.interface);
    memory_ = static_cast<uint8_t*>(memory);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() override { munmap(memory_, mapped_); }

  int Receive(const Packets& packets, uint32_t first, uint32_t max) override {
    const uint32_t received =
        retire_ != 0 ? ReceiveBlocks(packets, first, max) : ReceiveFrames(packets, first, max);
    return received != 0 ? static_cast<int>(received) : TakeSocketError();
  }

  uint64_t Drops() override {
    // Asking for the counters clears them; tpacket_stats_v3 begins with the fields of tpacket_stats.
    tpacket_stats_v3 statistics{};
    socklen_t size = sizeof statistics;
    if (getsockopt(fd(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size) == 0)
      drops_ += statistics.tp_drops;
    return drops_;
  }

  uint32_t Room() const override { return blockBytes_ / frameBytes_ * blocks_; }

 private:
  // SAFETY: the status words are written by the kernel; they are aligned, and live as long as the mapping.
  static uint32_t Acquire(uint32_t& status) {
    return std::atomic_ref(status).load(std::memory_order_acquire);
  }
  static void Release(uint32_t& status) {
    std::atomic_ref(status).store(TP_STATUS_KERNEL, std::memory_order_release);
  }

  // SAFETY: the place is one of the ring; frames are aligned to TPACKET_ALIGNMENT, and begin with this
  // header.
  tpacket2_hdr* FrameAt(uint32_t block, uint32_t frame) const {
    return reinterpret_cast<tpacket2_hdr*>(memory_ + size_t{block} * blockBytes_ +
                                           size_t{frame} * frameBytes_);
  }

  // TPACKET_V2: frames of a fixed size, handed over one by one.
  uint32_t ReceiveFrames(const Packets& packets, uint32_t first, uint32_t max) {
    const uint32_t perBlock = blockBytes_ / frameBytes_;
    tpacket2_hdr* frames[kRows];
    uint32_t ready = 0;
    for (const uint32_t most = std::min(max, Room()); ready < most; ready++) {
      tpacket2_hdr* const frame = FrameAt(at_, frame_);
      if ((Acquire(frame->tp_status) & TP_STATUS_USER) == 0) break;
      frames[ready] = frame;
      // Its packet, which was written on another processor.
      __builtin_prefetch(reinterpret_cast<const uint8_t*>(frame) + 64);
      __builtin_prefetch(reinterpret_cast<const uint8_t*>(frame) + 128);
      if (++frame_ < perBlock) continue;
      frame_ = 0;
      at_ = at_ + 1 == blocks_ ? 0 : at_ + 1;
    }
    packets.clear(first, ready);
    for (uint32_t i = 0; i < ready; i++) {
      tpacket2_hdr& h = *frames[i];
      PutFrame(packets, first + i,
               {reinterpret_cast<const uint8_t*>(&h), frameBytes_, h.tp_sec, h.tp_nsec, h.tp_snaplen,
                h.tp_len, h.tp_mac, h.tp_net});
      Release(h.tp_status);
    }
    return ready;
  }

  // TPACKET_V3: blocks of packets of any size, handed over when full or after a time.
  uint32_t ReceiveBlocks(const Packets& packets, uint32_t first, uint32_t max) {
    uint32_t received = 0;
    while (received < max) {
      uint8_t* const block = memory_ + size_t{at_} * blockBytes_;
      // SAFETY: blocks are aligned to a page, and begin with this header.
      auto& header = reinterpret_cast<tpacket_block_desc*>(block)->hdr.bh1;
      if ((Acquire(header.block_status) & TP_STATUS_USER) == 0) break;
      if (taken_ == 0) next_ = header.offset_to_first_pkt;
      const uint32_t count = std::min(max - received, header.num_pkts - taken_);
      packets.clear(first + received, count);
      for (uint32_t i = 0; i < count; i++, received++) {
        // The kernel vouches for the offsets; were one wrong, the packet is empty.
        next_ = std::min<uint32_t>(next_, blockBytes_ - static_cast<uint32_t>(sizeof(tpacket3_hdr)));
        // SAFETY: just bounded; packets are aligned to TPACKET_ALIGNMENT.
        const auto& p = *reinterpret_cast<const tpacket3_hdr*>(block + next_);
        PutFrame(packets, first + received,
                 {block + next_, blockBytes_ - next_, p.tp_sec, p.tp_nsec, p.tp_snaplen, p.tp_len, p.tp_mac,
                  p.tp_net});
        next_ += p.tp_next_offset;
      }
      taken_ += count;
      if (taken_ < header.num_pkts) break;
      taken_ = 0;
      Release(header.block_status);
      at_ = at_ + 1 == blocks_ ? 0 : at_ + 1;
    }
    return received;
  }

  const uint32_t blockBytes_;
  const uint32_t blocks_;
  const uint32_t frameBytes_;
  const uint32_t retire_;
  const size_t mapped_;
  uint8_t* memory_;
  uint32_t at_ = 0;     // block that comes next …
  uint32_t frame_ = 0;  // … and frame of it (V2)
  uint32_t taken_ = 0;  // packets of it that were received already (V3)
  uint32_t next_ = 0;   // offset of the next packet in it (V3)
  uint64_t drops_ = 0;
};

// Room for the ring's headers, the link layer's and the longest packet.
constexpr uint32_t kFrameBytes = TPACKET_ALIGN(kMaxPacket + 160);

}  // namespace

std::unique_ptr<Device> OpenRing(const RingOptions& options) {
  const std::string tried = "opening a packet ring on " + options.interface;
  const auto set = [&tried](const Fd& fd, int option, const void* value, socklen_t size, const char* name) {
    if (setsockopt(fd.get(), SOL_PACKET, option, value, size) != 0) Fail(tried + ": " + name);
  };
  // Protocol 0: it receives nothing before it is bound, so no packet of another interface gets in.
  Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) Fail(tried);
  const unsigned index = if_nametoindex(options.interface.c_str());
  if (index == 0) Fail(tried);
  const int version = options.retire != 0 ? TPACKET_V3 : TPACKET_V2;
  const int on = 1;
  set(fd, PACKET_VERSION, &version, sizeof version, "PACKET_VERSION");
  set(fd, PACKET_VNET_HDR, &on, sizeof on, "PACKET_VNET_HDR");
  set(fd, PACKET_IGNORE_OUTGOING, &on, sizeof on, "PACKET_IGNORE_OUTGOING");
  AttachFilter(fd.get(), options);

  tpacket_req3 request{};
  request.tp_block_size = options.blockBytes;
  request.tp_block_nr = options.blocks;
  request.tp_frame_size = kFrameBytes;
  request.tp_frame_nr = options.blockBytes / kFrameBytes * options.blocks;
  request.tp_retire_blk_tov = options.retire;
  // A V2 request is the beginning of a V3 request.
  set(fd, PACKET_RX_RING, &request, options.retire != 0 ? sizeof(tpacket_req3) : sizeof(tpacket_req),
      "PACKET_RX_RING");
  const int socket = fd.get();
  auto ring = std::make_unique<Ring>(std::move(fd), request, options);

  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(index);
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) Fail(tried);
  // Binding to an interface that is down succeeds, with this error pending.
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) throw IoError(tried, error);
  return ring;
}

}  // namespace potemkin
