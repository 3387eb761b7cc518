#include "descriptors.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <thread>

namespace potemkin {

namespace {

constexpr char kQueueSetting[] = "/proc/sys/net/unix/max_dgram_qlen";
constexpr std::string_view kQueue = "512";

// Runs a function in a thread of its own, whose namespaces end with it.
template <typename Function>
void InThread(Function&& function) {
  std::thread(std::forward<Function>(function)).join();
}

// An empty network namespace in which datagram sockets get long queues; -1 if there can be none.
Fd MakeRoomyNamespace() {
  Fd made;
  InThread([&made] {
    if (unshare(CLONE_NEWNET) != 0) return;
    const Fd setting(open(kQueueSetting, O_WRONLY | O_CLOEXEC));
    if (setting.get() < 0) return;
    if (write(setting.get(), kQueue.data(), kQueue.size()) < 0) return;
    made = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  });
  return made;
}

std::optional<std::pair<Fd, Fd>> Pair(int type) {
  std::array<int, 2> fds;
  if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0) return std::nullopt;
  return std::pair{Fd(fds[0]), Fd(fds[1])};
}

}  // namespace

std::pair<Fd, Fd> StreamPair() {
  std::optional<std::pair<Fd, Fd>> pair = Pair(SOCK_STREAM);
  if (!pair) Fail("making a pair of stream sockets");
  return std::move(*pair);
}

std::pair<Fd, Fd> DatagramPair() {
  // One for all pairs of the process: making a namespace takes a millisecond.
  static const Fd roomy = MakeRoomyNamespace();
  std::optional<std::pair<Fd, Fd>> pair;
  int error = 0;
  const auto make = [&] {
    pair = Pair(SOCK_DGRAM);
    error = errno;
  };
  if (roomy.get() >= 0) {
    InThread([&] {
      if (setns(roomy.get(), CLONE_NEWNET) == 0) make();
    });
  }
  if (!pair) make();
  if (!pair) throw IoError("making a pair of datagram sockets", error);
  return std::move(*pair);
}

Fd MemoryFile(const std::string& name, uint64_t size) {
  Fd fd(memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd.get() < 0 || ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
    Fail("making the memory file " + name);
  return fd;
}

Fd Duplicate(int fd) {
  Fd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (copy.get() < 0) Fail("duplicating descriptor " + std::to_string(fd));
  return copy;
}

size_t SendDescriptors(int socket, std::span<const uint8_t> bytes, std::span<const int> fds) {
  const std::string tried = "sending " + std::to_string(fds.size()) + " descriptors";
  if (fds.size() > kMaxPassed || bytes.empty()) throw IoError(tried, EINVAL);
  // SAFETY: sendmsg only reads what msg_iov points to.
  iovec vector{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(kMaxPassed * sizeof(int))> control{};
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(head), fds.data(), fds.size_bytes());
  }
  const ssize_t sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<size_t>(sent);
  if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) return 0;
  Fail(tried);
}

}  // namespace potemkin
