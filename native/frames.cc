#include "frames.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "datagrams.h"
#include "descriptors.h"

namespace potemkin {

std::unique_ptr<Device> OpenLink(const std::string& interface, const std::array<uint8_t, 6>& mac) {
  const std::string tried = "opening a packet socket to send on " + interface;
  // Protocol 0: it receives nothing.
  Fd fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) Fail(tried);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_IP);
  to.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (to.sll_ifindex == 0) Fail(tried);
  to.sll_halen = static_cast<uint8_t>(mac.size());
  std::memcpy(to.sll_addr, mac.data(), mac.size());
  return std::make_unique<DatagramDevice>(std::move(fd), DatagramOptions{.neighbour = to});
}

void CheckFrameSocket(int fd, const std::string& tried) {
  int type = 0;
  int domain = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) {
    Fail(tried);
  }
  if (type != SOCK_DGRAM || domain != AF_UNIX)
    throw IoError(tried + " that is no unix datagram socket", EINVAL);
}

std::unique_ptr<Device> OpenFrames(Fd fd, uint32_t before) {
  CheckFrameSocket(fd.get(), "opening a frame socket");
  return std::make_unique<DatagramDevice>(std::move(fd), DatagramOptions{.before = before});
}

std::pair<Fd, Fd> FramePair(uint32_t buffer) {
  std::pair<Fd, Fd> pair = DatagramPair();
  const int size = static_cast<int>(std::min<uint32_t>(buffer, INT32_MAX));
  for (const int fd : {pair.first.get(), pair.second.get()}) {
    // Without CAP_NET_ADMIN the system's limit has to do.
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
      setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  return pair;
}

}  // namespace potemkin
