// Descriptors that are made for other processes, and handed to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "fd.h"

namespace potemkin {

// Most descriptors in one message: unix(7), SCM_RIGHTS.
inline constexpr size_t kMaxPassed = 253;

// Two connected unix stream sockets. Throws IoError.
std::pair<Fd, Fd> StreamPair();

// Two connected unix datagram sockets, each with room for 512 datagrams, if the process may make network
// namespaces: the length of the queue is a setting of the namespace that a socket is made in, 10 by default,
// and neither the host's nor the caller's is ours to change. Throws IoError.
std::pair<Fd, Fd> DatagramPair();

// A file of so many bytes in memory, which reads as zeros. The name is for people. Throws IoError.
Fd MemoryFile(const std::string& name, uint64_t size);

// Another descriptor of the same open file. Throws IoError.
Fd Duplicate(int fd);

// Sends bytes over a unix stream socket, with descriptors that come with the first of them, at most
// kMaxPassed. Never waits. Returns how many bytes were sent, and with them all descriptors; 0 if there is no
// room. Throws IoError.
size_t SendDescriptors(int socket, std::span<const uint8_t> bytes, std::span<const int> fds);

}  // namespace potemkin
