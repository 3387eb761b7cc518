#include "netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <memory>

#include "device.h"

namespace potemkin {

void EnterNamespace(const std::string& name) {
  const std::string tried = "entering the network namespace " + name;
  // The name must stay one: no path.
  if (name.empty() || name.starts_with('.') || name.find('/') != std::string::npos)
    throw IoError(tried, EINVAL);
  Fd fd;
  for (const char* folder : {"/run/netns/", "/var/run/netns/"}) {
    fd = Fd(open((folder + name).c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() >= 0) break;
  }
  if (fd.get() < 0) Fail(tried);
  if (setns(fd.get(), CLONE_NEWNET) != 0) Fail(tried);
}

namespace {

std::string FormatMac(const sockaddr_ll& address) {
  if (address.sll_halen != 6) return {};
  char text[18];
  const unsigned char* b = address.sll_addr;
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
  return text;
}

uint32_t Ipv4(const sockaddr* address) {
  sockaddr_in in;
  std::memcpy(&in, address, sizeof in);
  return ntohl(in.sin_addr.s_addr);
}

uint32_t Mtu(int socket, const std::string& interface) {
  ifreq request{};
  if (interface.size() >= sizeof request.ifr_name) return 0;
  std::memcpy(request.ifr_name, interface.data(), interface.size());
  return ioctl(socket, SIOCGIFMTU, &request) == 0 ? static_cast<uint32_t>(request.ifr_mtu) : 0;
}

}  // namespace

std::vector<Interface> ListInterfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) Fail("listing the network interfaces");
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  const Fd asking(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::vector<Interface> found;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    auto one = std::find_if(found.begin(), found.end(),
                            [entry](const Interface& i) { return i.name == entry->ifa_name; });
    if (one == found.end()) {
      const bool up = (entry->ifa_flags & IFF_UP) != 0;
      const bool running = (entry->ifa_flags & IFF_RUNNING) != 0;
      const uint32_t index = if_nametoindex(entry->ifa_name);
      found.push_back({entry->ifa_name, index, up, running, Mtu(asking.get(), entry->ifa_name), {}, {}});
      one = found.end() - 1;
    }
    if (entry->ifa_addr == nullptr) continue;
    if (entry->ifa_addr->sa_family == AF_PACKET) {
      sockaddr_ll link;
      std::memcpy(&link, entry->ifa_addr, sizeof link);
      one->mac = FormatMac(link);
    } else if (entry->ifa_addr->sa_family == AF_INET) {
      const uint32_t mask = entry->ifa_netmask == nullptr ? UINT32_MAX : Ipv4(entry->ifa_netmask);
      one->addresses.push_back({Ipv4(entry->ifa_addr), static_cast<uint8_t>(std::popcount(mask))});
    }
  }
  return found;
}

void SetOffloads(const std::string& interface, bool on) {
  const std::string tried = "setting the offloads of " + interface;
  const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) Fail(tried);
  ifreq request{};
  if (interface.empty() || interface.size() >= sizeof request.ifr_name) throw IoError(tried, EINVAL);
  std::memcpy(request.ifr_name, interface.data(), interface.size());
  for (const uint32_t command : {ETHTOOL_SGRO, ETHTOOL_SGSO, ETHTOOL_STSO, ETHTOOL_STXCSUM}) {
    ethtool_value value{command, on};
    request.ifr_data = reinterpret_cast<char*>(&value);
    if (ioctl(fd.get(), SIOCETHTOOL, &request) != 0 && errno != EOPNOTSUPP && errno != EINVAL) Fail(tried);
  }
}

}  // namespace potemkin
