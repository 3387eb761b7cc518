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

DatagramDevice::DatagramDevice(Fd fd, const DatagramOptions& options)
    : Device(std::move(fd)), options_(options) {
  const int on = 1;
  if (setsockopt(this->fd(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) Fail("asking for timestamps");
}

int DatagramDevice::Receive(const Packets& packets, uint32_t first, uint32_t max) {
  const uint32_t room = kMaxPacket + options_.before;
  const uint32_t count = std::min(max, kBatch);
  Messages& m = *messages_;
  for (uint32_t i = 0; i < count; i++) {
    // SAFETY: before ≤ kHeadroom, so these are the last `room` bytes of the row's slot.
    m.vectors[i] = {packets.slot(first + i) + kHeadroom - options_.before, room};
    m.headers[i] = {};
    m.headers[i].msg_hdr.msg_iov = &m.vectors[i];
    m.headers[i].msg_hdr.msg_iovlen = 1;
    m.headers[i].msg_hdr.msg_control = m.controls[i].bytes;
    m.headers[i].msg_hdr.msg_controllen = sizeof m.controls[i].bytes;
  }
  // MSG_TRUNC: msg_len is the length of the datagram, even where it did not fit.
  const int received = recvmmsg(fd(), m.headers, count, MSG_DONTWAIT | MSG_TRUNC, nullptr);
  if (received < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  packets.clear(first, static_cast<uint32_t>(received));
  for (uint32_t i = 0; i < static_cast<uint32_t>(received); i++) {
    const timespec time = Timestamp(m.headers[i].msg_hdr);
    const size_t length = m.headers[i].msg_len;
    packets.sec()[first + i] = static_cast<uint32_t>(time.tv_sec);
    packets.nsec()[first + i] = static_cast<uint32_t>(time.tv_nsec);
    packets.start()[first + i] -= options_.before;
    SetLength(packets, first + i, std::min<size_t>(length, room), length, room);
  }
  return received;
}

uint32_t DatagramDevice::Fill(const Packets& packets, std::span<const uint16_t> rows, size_t& next,
                              Partition& partition) {
  Messages& m = *messages_;
  uint32_t count = 0;
  for (; next < rows.size() && count < kBatch; next++) {
    const std::span<uint8_t> bytes = bytesOf(packets, rows[next]);
    if (bytes.empty() || (options_.toDestination && bytes.size() < kIpHeader)) {
      partition.Refuse(rows[next]);
      continue;
    }
    m.rows[count] = rows[next];
    m.vectors[count] = {bytes.data(), bytes.size()};
    m.headers[count] = {};
    m.headers[count].msg_hdr.msg_iov = &m.vectors[count];
    m.headers[count].msg_hdr.msg_iovlen = 1;
    if (options_.toDestination) {
      m.addresses[count] = {};
      m.addresses[count].sin_family = AF_INET;
      std::memcpy(&m.addresses[count].sin_addr, bytes.data() + kIpDestination, 4);
      m.headers[count].msg_hdr.msg_name = &m.addresses[count];
      m.headers[count].msg_hdr.msg_namelen = sizeof m.addresses[count];
    } else if (options_.neighbour) {
      m.headers[count].msg_hdr.msg_name = &*options_.neighbour;
      m.headers[count].msg_hdr.msg_namelen = sizeof *options_.neighbour;
    }
    count++;
  }
  return count;
}

int DatagramDevice::Send(const Packets& packets, std::span<uint16_t> rows) {
  Partition partition(rows);
  int failed = 0;
  bool full = false;
  for (size_t next = 0; next < rows.size();) {
    const uint32_t count = Fill(packets, rows, next, partition);
    for (uint32_t done = 0; done < count;) {
      int sent = -1;
      if (!full) {
        sent = sendmmsg(fd(), messages_->headers + done, count - done, MSG_DONTWAIT | MSG_NOSIGNAL);
      }
      if (sent > 0) {
        for (; sent > 0; sent--) partition.Accept(messages_->rows[done++]);
        continue;
      }
      if (!full && errno == EINTR) continue;
      if (!full) {
        // One packet may be impossible (too long, no route); only a full or failed device refuses all others
        // too.
        if (DeviceFailed(errno)) failed = errno;
        full = failed != 0 || errno == EAGAIN || errno == ENOBUFS;
      }
      partition.Refuse(messages_->rows[done++]);
    }
  }
  const int accepted = partition.Finish();
  return accepted == 0 && failed != 0 ? -failed : accepted;
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

void SetReceiveBuffer(int fd, uint32_t bytes) {
  const int size = static_cast<int>(std::min<uint32_t>(bytes, INT32_MAX));
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0) return;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0) Fail("setting the receive buffer");
}

}  // namespace potemkin
