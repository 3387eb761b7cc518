#include "raw.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "datagrams.h"

namespace potemkin {

namespace {

Fd OpenSocket(uint8_t protocol, const std::string& tried) {
  Fd fd(socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (fd.get() < 0) Fail(tried);
  return fd;
}

}  // namespace

std::unique_ptr<Device> OpenRaw(const RawOptions& options) {
  const std::string tried = "opening a raw socket for IP protocol " + std::to_string(options.protocol) +
                            (options.interface.empty() ? "" : " on " + options.interface);
  Fd fd = OpenSocket(options.protocol, tried);
  const int on = 1;
  if (setsockopt(fd.get(), IPPROTO_IP, IP_HDRINCL, &on, sizeof on) != 0) Fail(tried + ": IP_HDRINCL");
  if (!options.interface.empty() &&
      setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, options.interface.data(),
                 static_cast<socklen_t>(options.interface.size())) != 0) {
    Fail(tried);
  }
  if (options.local != 0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(options.local);
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      Fail(tried + ": binding to its local address");
    }
  }
  SetReceiveBuffer(fd.get(), options.receiveBuffer);
  return std::make_unique<DatagramDevice>(std::move(fd), DatagramOptions{.toDestination = true});
}

std::unique_ptr<Device> OpenClaim(uint8_t protocol) {
  const std::string tried = "claiming IP protocol " + std::to_string(protocol);
  Fd fd = OpenSocket(protocol, tried);
  sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program = {1, nothing};
  if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) Fail(tried);
  return std::make_unique<Device>(std::move(fd));
}

}  // namespace potemkin
