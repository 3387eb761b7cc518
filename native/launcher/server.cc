#include "launcher/server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "descriptors.h"
#include "launcher/jail.h"

namespace potemkin::launcher {

namespace {

constexpr size_t kLastWords = 512;
constexpr size_t kMaxReplies = 1 << 20;  // bytes that wait before no more requests are taken
// Standard errors of machines are left alone for so long after one was read, so that one that writes without
// end waits for a full pipe, and does not keep the launcher busy.
constexpr std::chrono::milliseconds kRest{100};

// What an event of epoll is about.
enum What : uint32_t { kSocket, kStatus, kErrors, kEnd };

uint64_t Key(uint32_t slot, uint32_t what) {
  return uint64_t{slot} << 2 | what;
}

struct Pipe {
  Fd out;  // to read from, without waiting
  Fd in;
};

Pipe MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) Fail("making a pipe");
  Pipe pipe{Fd(fds[0]), Fd(fds[1])};
  if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) Fail("making a pipe");
  return pipe;
}

bool WouldBlock() {
  return errno == EAGAIN || errno == EINTR;
}

}  // namespace

Server::Server(Fd socket, Fd hostProcess, Users users, Groups groups)
    : socket_(std::move(socket)),
      hostProcess_(std::move(hostProcess)),
      users_(users),
      groups_(std::move(groups)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_.get() < 0 || fcntl(socket_.get(), F_SETFL, O_NONBLOCK) != 0) Fail("preparing the loop");
  Watch(socket_.get(), EPOLLIN, 0, kSocket);
}

void Server::Run() {
  AppendReady(replies_);
  Send();
  while (open_) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_.get(), events, static_cast<int>(std::size(events)), Patience());
    if (count < 0 && errno != EINTR) Fail("waiting for events");
    for (int i = 0; i < count && open_; i++) {
      const auto what = static_cast<What>(events[i].data.u64 & 3);
      if (what != kSocket) {
        Handle(static_cast<uint32_t>(events[i].data.u64 >> 2), what);
      } else if (events[i].events != EPOLLOUT) {
        Receive();
      }
    }
    Wake();
    Send();
  }
}

void Server::Handle(uint32_t slot, uint32_t what) {
  const auto found = machines_.find(slot);
  if (found == machines_.end()) return;  // it ended by an event before this one
  if (what == kStatus) ReadStatus(found->second);
  if (what == kErrors && ReadErrors(found->second)) {
    if (resting_.empty()) wakeAt_ = std::chrono::steady_clock::now() + kRest;
    resting_.push_back(slot);
  }
  if (what == kEnd) End(slot, found->second);
}

// Milliseconds until there is something to do that no event tells of.
int Server::Patience() const {
  if (resting_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(wakeAt_ - std::chrono::steady_clock::now());
  return static_cast<int>(std::max(left, std::chrono::milliseconds::zero()).count());
}

// Goes on with the standard errors that have rested.
void Server::Wake() {
  if (resting_.empty() || std::chrono::steady_clock::now() < wakeAt_) return;
  for (const uint32_t slot : std::exchange(resting_, {})) {
    const auto found = machines_.find(slot);
    if (found != machines_.end()) Watch(found->second.errors.get(), EPOLLIN | EPOLLONESHOT, slot, kErrors);
  }
}

// Watches a descriptor, or goes on watching it.
void Server::Watch(int fd, uint32_t events, uint32_t slot, uint32_t what) {
  epoll_event event{.events = events, .data = {.u64 = Key(slot, what)}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) return;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) Fail("watching a descriptor");
}

void Server::Receive() {
  uint8_t bytes[kMaxRequest];
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(kMaxPassed * sizeof(int))];
  iovec vector{bytes, sizeof bytes};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  if (size < 0 && WouldBlock()) return;
  if (size <= 0) {
    open_ = false;
    return;
  }
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; at + sizeof(int) <= head->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(head) + at, sizeof fd);
      received_.emplace_back(fd);
    }
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) throw IoError("receiving descriptors", EMFILE);
  if (received_.size() > kMaxPassed) throw ProtocolError("more descriptors than a launch may have");
  inbox_.Append({bytes, static_cast<size_t>(size)});
  while (const std::optional<Request> request = inbox_.Next()) {
    std::visit([this](const auto& one) { Serve(one); }, *request);
  }
}

std::vector<Fd> Server::TakeDescriptors(uint32_t count) {
  if (count > received_.size())
    throw ProtocolError("a launch has " + std::to_string(count) + " descriptors, of which " +
                        std::to_string(received_.size()) + " came");
  const auto end = received_.begin() + count;
  std::vector<Fd> taken(std::make_move_iterator(received_.begin()), std::make_move_iterator(end));
  received_.erase(received_.begin(), end);
  return taken;
}

void Server::Serve(const Launch& launch) {
  // Closed when this returns: the new process has its own.
  const std::vector<Fd> descriptors = TakeDescriptors(launch.descriptors);
  try {
    Start(launch, descriptors);
  } catch (const IoError& error) {
    AppendFailed(replies_, launch.id, std::string(error.what()) + ": " + std::strerror(error.number));
    return;
  }
  const Machine& machine = machines_.at(launch.slot);
  Watch(machine.pidfd.get(), EPOLLIN, launch.slot, kEnd);
  Watch(machine.status.get(), EPOLLIN, launch.slot, kStatus);
  Watch(machine.errors.get(), EPOLLIN | EPOLLONESHOT, launch.slot, kErrors);
}

void Server::Start(const Launch& launch, const std::vector<Fd>& descriptors) {
  const uint32_t slot = launch.slot;
  if (slot >= users_.slots)
    throw IoError("slot " + std::to_string(slot) + " of " + std::to_string(users_.slots), ERANGE);
  if (machines_.contains(slot)) throw IoError("slot " + std::to_string(slot), EBUSY);

  const Entrances entrances = groups_.Make(slot, launch.settings);
  try {
    Pipe status = MakePipe();
    Pipe errors = MakePipe();
    Fd pidfd;
    const Jail jail{launch, users_.first + slot, descriptors, entrances, status.in, errors.in};
    if (StartInJail(jail, pidfd) < 0) Fail("making a process");
    machines_.emplace(slot,
                      Machine(launch.id, std::move(pidfd), std::move(status.out), std::move(errors.out)));
  } catch (const IoError&) {
    groups_.Remove(slot);
    throw;
  }
}

void Server::Serve(const Kill& kill) {
  for (const auto& [slot, machine] : machines_) {
    // Whoever has ended already is about to be reported, and an id that is not known was.
    if (machine.id == kill.id) syscall(SYS_pidfd_send_signal, machine.pidfd.get(), SIGKILL, nullptr, 0);
  }
}

// Returns whether there may be more.
bool Server::ReadStatus(Machine& machine) {
  char text[256];
  const ssize_t size = read(machine.status.get(), text, sizeof text);
  if (size < 0) return false;
  machine.failure.append(text, static_cast<size_t>(size));
  if (size > 0) return true;
  machine.status = Fd();
  machine.started = machine.failure.empty();
  if (machine.started) AppendStarted(replies_, machine.id, HostPid(machine));
  return false;
}

// Returns whether there may be more.
bool Server::ReadErrors(Machine& machine) {
  char text[65536];
  const ssize_t size = read(machine.errors.get(), text, sizeof text);
  if (size < 0) return WouldBlock();
  if (size == 0) return false;
  machine.lastWords.append(text, static_cast<size_t>(size));
  if (machine.lastWords.size() > kLastWords)
    machine.lastWords.erase(0, machine.lastWords.size() - kLastWords);
  return true;
}

void Server::End(uint32_t slot, Machine& machine) {
  const auto pidfd = static_cast<id_t>(machine.pidfd.get());
  siginfo_t info{};
  if (waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT) != 0) Fail("asking how a process ended");
  if (info.si_pid == 0) return;  // the event was about the process that had this slot before
  // What it said, while it still has a pid.
  while (machine.status.get() >= 0 && ReadStatus(machine)) continue;
  ReadErrors(machine);
  if (waitid(P_PIDFD, pidfd, &info, WEXITED) != 0) Fail("waiting for a process");
  if (machine.started) {
    AppendEnded(replies_, machine.id, info.si_code != CLD_EXITED, static_cast<uint32_t>(info.si_status),
                machine.lastWords);
  } else {
    AppendFailed(replies_, machine.id, machine.failure);
  }
  machines_.erase(slot);
  groups_.Remove(slot);
}

// The pid in the daemon's pid namespace, which is written in its /proc about our pidfd.
uint32_t Server::HostPid(const Machine& machine) const {
  const Fd file(
      openat(hostProcess_.get(), std::to_string(machine.pidfd.get()).c_str(), O_RDONLY | O_CLOEXEC));
  char text[512];
  const ssize_t size = file.get() < 0 ? -1 : read(file.get(), text, sizeof text - 1);
  if (size < 0) Fail("asking for the pid of a process");
  text[size] = 0;
  const char* found = std::strstr(text, "\nPid:");
  return found == nullptr ? 0 : static_cast<uint32_t>(std::atoi(found + std::strlen("\nPid:")));
}

void Server::Send() {
  while (!replies_.empty()) {
    const ssize_t sent = send(socket_.get(), replies_.data(), replies_.size(), MSG_NOSIGNAL);
    if (sent < 0 && WouldBlock()) break;
    if (sent < 0) {
      open_ = false;
      return;
    }
    replies_.erase(0, static_cast<size_t>(sent));
  }
  const uint32_t in = replies_.size() < kMaxReplies ? static_cast<uint32_t>(EPOLLIN) : 0;
  const uint32_t out = replies_.empty() ? 0 : static_cast<uint32_t>(EPOLLOUT);
  Watch(socket_.get(), in | out, 0, kSocket);
}

}  // namespace potemkin::launcher
