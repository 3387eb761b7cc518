// Network namespaces and the interfaces in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace potemkin {

// Moves the calling thread, and no other, into the network namespace that `ip netns` calls by this name.
// Sockets that are open stay where they were. Throws IoError.
void EnterNamespace(const std::string& name);

struct InterfaceAddress {
  uint32_t address;  // IPv4, in host byte order
  uint8_t prefix;    // bits
};

struct Interface {
  std::string name;
  uint32_t index;
  bool up;          // administratively
  bool running;     // it has a carrier as well
  uint32_t mtu;     // bytes of the longest packet it carries; 0 if that cannot be told
  std::string mac;  // "02:00:00:00:00:01"; empty if it has none
  std::vector<InterfaceAddress> addresses;
};

// The interfaces of the calling thread's namespace. Throws IoError.
std::vector<Interface> ListInterfaces();

// Switches the offloads that merge packets or leave their checksums to the device (GRO, GSO, TSO, transmit
// checksums) on or off; those that the interface does not have are left out. Throws IoError.
void SetOffloads(const std::string& interface, bool on);

}  // namespace potemkin
