// Batches of datagrams on any socket: recvmmsg and sendmmsg between the kernel and the slots of a packet
// table.
#pragma once

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include <memory>
#include <optional>

#include "device.h"

namespace potemkin {

// What kind of socket it is.
struct DatagramOptions {
  // Bytes in front of the IPv4 header in each datagram (an Ethernet header), so that this header lands where
  // it always does in a slot.
  uint32_t before = 0;
  // Each datagram must be addressed: to the packet's IPv4 destination …
  bool toDestination = false;
  // … or to one neighbour.
  std::optional<sockaddr_ll> neighbour = std::nullopt;
};

// A device whose socket carries one packet a datagram.
class DatagramDevice : public Device {
 public:
  DatagramDevice(Fd fd, const DatagramOptions& options);

  int Receive(const Packets& packets, uint32_t first, uint32_t max) override;
  int Send(const Packets& packets, std::span<uint16_t> rows) override;
  uint64_t Drops() override;

 private:
  // Room for one timestamp and nothing else: the kernel closes descriptors that it finds no room for, so who
  // is at the other end of a unix socket cannot fill our table of open files with them (SCM_RIGHTS).
  struct Control {
    alignas(cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(timespec))];
  };
  struct Messages {
    mmsghdr headers[kBatch];
    iovec vectors[kBatch];
    sockaddr_in addresses[kBatch];
    Control controls[kBatch];
    uint16_t rows[kBatch];
  };

  // Lists up to kBatch sendable rows in messages_, and refuses those that cannot be sent. Advances next.
  uint32_t Fill(const Packets& packets, std::span<const uint16_t> rows, size_t& next, Partition& partition);

  DatagramOptions options_;
  const std::unique_ptr<Messages> messages_ = std::make_unique<Messages>();
  uint32_t lastDrops_ = 0;
  uint64_t drops_ = 0;
};

// Sets SO_RCVBUF, beyond the system's limit where the process may (CAP_NET_ADMIN).
void SetReceiveBuffer(int fd, uint32_t bytes);

}  // namespace potemkin
