#include "datagrams.h"

#include <linux/sock_diag.h>

#include <algorithm>
#include <cstring>

#include "wire.h"

namespace potemkin {

namespace {

constexpr uint32_t kIpHeader = 20;
constexpr uint32_t kIpDestination = 16;

// The kernel's timestamp of a message (SO_TIMESTAMPNS), else now.
timespec Timestamp(msghdr& message) {
  timespec time;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    if (c->cmsg_len < CMSG_LEN(sizeof time)) continue;
    std::memcpy(&time, CMSG_DATA(c), sizeof time);
    return time;
  }
  clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

}  // namespace

int Datagrams::Receive(int fd, const Packets& packets, uint32_t first, uint32_t max, uint32_t before) {
  const uint32_t room = kMaxPacket + before;
  const uint32_t count = std::min(max, kBatch);
  for (uint32_t i = 0; i < count; i++) {
    // SAFETY: before ≤ kHeadroom, so these are the last `room` bytes of the row's slot.
    vectors_[i] = {packets.slot(first + i) + kHeadroom - before, room};
    headers_[i] = {};
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_control = controls_[i].bytes;
    headers_[i].msg_hdr.msg_controllen = sizeof controls_[i].bytes;
  }
  // MSG_TRUNC: msg_len is the length of the datagram, even where it did not fit.
  const int received = recvmmsg(fd, headers_, count, MSG_DONTWAIT | MSG_TRUNC, nullptr);
  if (received < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  packets.clear(first, static_cast<uint32_t>(received));
  for (uint32_t i = 0; i < static_cast<uint32_t>(received); i++) {
    const timespec time = Timestamp(headers_[i].msg_hdr);
    const size_t length = headers_[i].msg_len;
    packets.sec()[first + i] = static_cast<uint32_t>(time.tv_sec);
    packets.nsec()[first + i] = static_cast<uint32_t>(time.tv_nsec);
    packets.start()[first + i] -= before;
    SetLength(packets, first + i, std::min<size_t>(length, room), length, room);
  }
  return received;
}

msghdr& Datagrams::Add(uint16_t name, std::span<uint8_t> bytes) {
  const uint32_t i = count_++;
  names_[i] = name;
  vectors_[i] = {bytes.data(), bytes.size()};
  headers_[i] = {};
  headers_[i].msg_hdr.msg_iov = &vectors_[i];
  headers_[i].msg_hdr.msg_iovlen = 1;
  return headers_[i].msg_hdr;
}

int Datagrams::Send(int fd, int stuck) {
  for (uint32_t done = 0; done < count_;) {
    if (stuck == 0) {
      const int sent = sendmmsg(fd, headers_ + done, count_ - done, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        std::fill_n(accepted_ + done, sent, true);
        done += static_cast<uint32_t>(sent);
        continue;
      }
      if (errno == EINTR) continue;
      // One packet may be impossible (too long, no route); a full or failed socket, or one with nobody at its
      // other end, refuses all others too.
      if (DeviceFailed(errno) || errno == EAGAIN || errno == ENOBUFS || errno == ENOTCONN) stuck = errno;
    }
    accepted_[done++] = false;
  }
  return stuck;
}

DatagramDevice::DatagramDevice(Fd fd, const DatagramOptions& options)
    : Device(std::move(fd)), options_(options) {
  SetTimestamps(this->fd());
}

int DatagramDevice::Receive(const Packets& packets, uint32_t first, uint32_t max) {
  return datagrams_->Receive(fd(), packets, first, max, options_.before);
}

void DatagramDevice::Fill(const Packets& packets, std::span<const uint16_t> rows, size_t& next,
                          Partition& partition) {
  datagrams_->Clear();
  for (; next < rows.size() && !datagrams_->Full(); next++) {
    const std::span<uint8_t> bytes = bytesOf(packets, rows[next]);
    if (bytes.empty() || (options_.toDestination && bytes.size() < kIpHeader)) {
      partition.Refuse(rows[next]);
      continue;
    }
    sockaddr_in& to = addresses_[datagrams_->count()];
    msghdr& message = datagrams_->Add(rows[next], bytes);
    if (options_.toDestination) {
      to = {};
      to.sin_family = AF_INET;
      std::memcpy(&to.sin_addr, bytes.data() + kIpDestination, 4);
      message.msg_name = &to;
      message.msg_namelen = sizeof to;
    } else if (options_.neighbour) {
      message.msg_name = &*options_.neighbour;
      message.msg_namelen = sizeof *options_.neighbour;
    }
  }
}

int DatagramDevice::Send(const Packets& packets, std::span<uint16_t> rows) {
  Partition partition(rows);
  int stuck = 0;
  for (size_t next = 0; next < rows.size();) {
    Fill(packets, rows, next, partition);
    stuck = datagrams_->Send(fd(), stuck);
    for (uint32_t i = 0; i < datagrams_->count(); i++) {
      if (datagrams_->accepted(i))
        partition.Accept(datagrams_->name(i));
      else
        partition.Refuse(datagrams_->name(i));
    }
  }
  const int accepted = partition.Finish();
  return accepted == 0 && DeviceFailed(stuck) ? -stuck : accepted;
}

uint64_t DatagramDevice::Drops() {
  uint32_t info[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof info;
  if (getsockopt(fd(), SOL_SOCKET, SO_MEMINFO, info, &size) == 0) {
    // The kernel's counter is 32 bits wide and wraps.
    drops_ += info[SK_MEMINFO_DROPS] - lastDrops_;
    lastDrops_ = info[SK_MEMINFO_DROPS];
  }
  return drops_;
}

void SetTimestamps(int fd) {
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) Fail("asking for timestamps");
}

void SetReceiveBuffer(int fd, uint32_t bytes) {
  const int size = static_cast<int>(std::min<uint32_t>(bytes, INT32_MAX));
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0) return;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0) Fail("setting the receive buffer");
}

}  // namespace potemkin
