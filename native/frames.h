// Sockets that carry link-layer traffic: IPv4 to a known neighbour, and the Ethernet of a clone's NIC.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "device.h"

namespace potemkin {

// Sends IPv4 packets by an interface to one neighbour's MAC address. It receives nothing.
std::unique_ptr<Device> OpenLink(const std::string& interface, const std::array<uint8_t, 6>& mac);

// Throws IoError, with what was tried, unless the descriptor is a unix datagram socket.
void CheckFrameSocket(int fd, const std::string& tried);

// Packets over an open unix datagram socket, one a datagram; takes the descriptor over. `before` bytes, at
// most kHeadroom, are in front of the IPv4 header: the 14 of an Ethernet frame, with which the row then
// starts.
std::unique_ptr<Device> OpenFrames(Fd fd, uint32_t before);

inline constexpr uint32_t kFrameBuffer = 4 << 20;

// Two connected unix datagram sockets, one for OpenFrames or Wires, the other for a process at the other end
// (`qemu -netdev dgram`). `buffer`: bytes that may wait in each direction, counted as the kernel does, which
// for a short frame is several times its length.
std::pair<Fd, Fd> FramePair(uint32_t buffer = kFrameBuffer);

}  // namespace potemkin
