#include "wires.h"

#include <algorithm>

#include "frames.h"
#include "wire.h"

namespace potemkin {

namespace {

constexpr uint32_t kEthernet = 14;

Fd MakeEpoll() {
  Fd fd(epoll_create1(EPOLL_CLOEXEC));
  if (fd.get() < 0) Fail("making an epoll descriptor");
  return fd;
}

}  // namespace

Wires::Wires() : Device(MakeEpoll()) {}

void Wires::Add(uint32_t clone, Fd fd) {
  const std::string tried = "adding a wire for clone " + std::to_string(clone);
  if (clone == 0) throw IoError(tried + ", who is nobody", EINVAL);
  if (wires_.contains(clone)) throw IoError(tried + ", who has one", EEXIST);
  if (wires_.size() >= kMost) throw IoError(tried + ", as many as there may be are there", ENOSPC);
  CheckFrameSocket(fd.get(), tried);
  SetTimestamps(fd.get());
  Wire& wire = wires_.emplace(clone, Wire{.clone = clone, .fd = std::move(fd)}).first->second;
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &wire}};
  if (epoll_ctl(this->fd(), EPOLL_CTL_ADD, wire.fd.get(), &event) == 0) return;
  const int failed = errno;
  wires_.erase(clone);
  throw IoError(tried, failed);
}

bool Wires::Remove(uint32_t clone) {
  const auto found = wires_.find(clone);
  if (found == wires_.end()) return false;
  // Closing would not do: a child process may hold the socket as well, and then epoll would go on to report
  // it.
  epoll_ctl(fd(), EPOLL_CTL_DEL, found->second.fd.get(), nullptr);
  wires_.erase(found);
  return true;
}

int Wires::Receive(const Packets& packets, uint32_t first, uint32_t max) {
  max = std::min(max, kBatch);
  calls_++;
  for (uint32_t filled = 0, before;;) {
    before = filled;
    // The kernel hands out ready wires in turn: those reported now come last next time.
    const int ready = filled == max ? 0 : epoll_wait(fd(), events_, static_cast<int>(max - filled), 0);
    const uint32_t share = ready > 0 ? (max - filled) / static_cast<uint32_t>(ready) : 0;
    for (int i = 0; i < ready; i++) {
      // SAFETY: a wire is removed from epoll before its node goes, and no call of Remove can come in between.
      Wire& wire = *static_cast<Wire*>(events_[i].data.ptr);
      filled += Take(wire, packets, first + filled, share);
    }
    if (filled == before) return static_cast<int>(filled);
  }
}

uint32_t Wires::Take(Wire& wire, const Packets& packets, uint32_t first, uint32_t most) {
  if (wire.call != calls_) {
    wire.call = calls_;
    wire.taken = 0;
  }
  most = std::min(most, kShare - wire.taken);
  if (most == 0) return 0;
  const int got = datagrams_->Receive(wire.fd.get(), packets, first, most, kEthernet);
  // An error, with which the other end can tell no more than that it is ours no longer, is cleared by asking.
  if (got <= 0) return 0;
  std::fill_n(packets.clone() + first, got, wire.clone);
  wire.taken += static_cast<uint32_t>(got);
  return static_cast<uint32_t>(got);
}

int Wires::Send(const Packets& packets, std::span<uint16_t> rows) {
  Sending& s = *sending_;
  size_t touched = 0;
  for (size_t i = 0; i < rows.size(); i++) {
    s.accepted[i] = false;
    const auto found = wires_.find(packets.clone()[rows[i]]);
    if (found == wires_.end() || bytesOf(packets, rows[i]).empty()) continue;
    Wire& wire = found->second;
    const auto place = static_cast<uint16_t>(i);
    if (wire.first == kNone) {
      wire.first = place;
      s.touched[touched++] = &wire;
    } else {
      s.next[wire.last] = place;
    }
    wire.last = place;
    s.next[i] = kNone;
  }
  for (size_t i = 0; i < touched; i++) Flush(*s.touched[i], packets, rows);
  Partition partition(rows);
  for (size_t i = 0; i < rows.size(); i++) {
    if (s.accepted[i])
      partition.Accept(rows[i]);
    else
      partition.Refuse(rows[i]);
  }
  return partition.Finish();
}

void Wires::Flush(Wire& wire, const Packets& packets, std::span<const uint16_t> rows) {
  Sending& s = *sending_;
  int stuck = 0;
  for (uint16_t place = wire.first; place != kNone;) {
    datagrams_->Clear();
    for (; place != kNone && !datagrams_->Full(); place = s.next[place])
      datagrams_->Add(place, bytesOf(packets, rows[place]));
    stuck = datagrams_->Send(wire.fd.get(), stuck);
    for (uint32_t i = 0; i < datagrams_->count(); i++)
      s.accepted[datagrams_->name(i)] = datagrams_->accepted(i);
  }
  wire.first = kNone;
}

}  // namespace potemkin
