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

// Up to kBatch datagrams on their way between a socket and a packet table. It is large: one serves for all
// sockets of a device.
class Datagrams {
 public:
  // Receives up to max datagrams into rows from first on, which the caller has checked, and sets their
  // columns. Each has `before` bytes, at most kHeadroom, in front of its IPv4 header. The socket must give
  // timestamps (SetTimestamps). Returns the number of rows filled, 0 if nothing waits, or -errno.
  int Receive(int fd, const Packets& packets, uint32_t first, uint32_t max, uint32_t before);

  // Begins a list of datagrams to send.
  void Clear() { count_ = 0; }
  bool Full() const { return count_ == kBatch; }
  uint32_t count() const { return count_; }
  // Lists a datagram, which must not be empty, under a name of the caller's. Returns its message, for an
  // address.
  msghdr& Add(uint16_t name, std::span<uint8_t> bytes);

  // Sends what is listed. `stuck` is what the call before this one returned: an error because of which the
  // socket takes nothing more, or 0. Returns the same of this call.
  int Send(int fd, int stuck);
  uint16_t name(uint32_t i) const { return names_[i]; }
  bool accepted(uint32_t i) const { return accepted_[i]; }

 private:
  // Room for one timestamp and nothing else: the kernel closes descriptors that it finds no room for, so who
  // is at the other end of a unix socket cannot fill our table of open files with them (SCM_RIGHTS).
  struct Control {
    alignas(cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(timespec))];
  };

  uint32_t count_ = 0;
  mmsghdr headers_[kBatch];
  iovec vectors_[kBatch];
  Control controls_[kBatch];
  uint16_t names_[kBatch];
  bool accepted_[kBatch];
};

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
  // Lists up to kBatch sendable rows, and refuses those that cannot be sent. Advances next.
  void Fill(const Packets& packets, std::span<const uint16_t> rows, size_t& next, Partition& partition);

  DatagramOptions options_;
  const std::unique_ptr<Datagrams> datagrams_ = std::make_unique<Datagrams>();
  sockaddr_in addresses_[kBatch];
  uint32_t lastDrops_ = 0;
  uint64_t drops_ = 0;
};

// Asks for the kernel's timestamp of each datagram. Throws IoError.
void SetTimestamps(int fd);

// Sets SO_RCVBUF, beyond the system's limit where the process may (CAP_NET_ADMIN).
void SetReceiveBuffer(int fd, uint32_t bytes);

}  // namespace potemkin
