#include "tun.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "wire.h"

namespace potemkin {

namespace {

class Tun : public Device {
 public:
  using Device::Device;

  int Receive(const Packets& packets, uint32_t first, uint32_t max) override {
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint32_t received = 0;
    while (received < max) {
      const uint32_t row = first + received;
      // A packet that is too long is cut without a word; a byte more than fits tells.
      uint8_t beyond;
      const iovec vectors[] = {{packets.slot(row) + kHeadroom, kMaxPacket}, {&beyond, 1}};
      const ssize_t length = readv(fd(), vectors, 2);
      if (length < 0 && errno == EINTR) continue;
      if (length < 0) return received != 0 || errno == EAGAIN ? static_cast<int>(received) : -errno;
      packets.clear(row, 1);
      packets.sec()[row] = static_cast<uint32_t>(now.tv_sec);
      packets.nsec()[row] = static_cast<uint32_t>(now.tv_nsec);
      const size_t captured = std::min<size_t>(static_cast<size_t>(length), kMaxPacket);
      SetLength(packets, row, captured, static_cast<size_t>(length));
      // A TUN device carries IPv6 as well, such as the kernel's own router solicitations.
      if (captured == 0 || *(packets.slot(row) + kHeadroom) >> 4 != 4) {
        packets.fault()[row] = static_cast<uint8_t>(Fault::kNotIpv4);
      }
      received++;
    }
    return static_cast<int>(received);
  }

  int Send(const Packets& packets, std::span<uint16_t> rows) override {
    Partition partition(rows);
    int failed = 0;
    for (const uint16_t row : rows) {
      const std::span<uint8_t> bytes = bytesOf(packets, row);
      if (failed == 0 && !bytes.empty() && Write(bytes)) {
        partition.Accept(row);
        continue;
      }
      if (!bytes.empty() && DeviceFailed(errno)) failed = errno;
      partition.Refuse(row);
    }
    const int accepted = partition.Finish();
    return accepted == 0 && failed != 0 ? -failed : accepted;
  }

 private:
  bool Write(std::span<const uint8_t> bytes) {
    ssize_t written;
    do {
      errno = 0;
      written = write(fd(), bytes.data(), bytes.size());
    } while (written < 0 && errno == EINTR);
    return written == static_cast<ssize_t>(bytes.size());
  }
};

}  // namespace

std::unique_ptr<Device> OpenTun(const std::string& name) {
  const std::string tried = "opening the TUN device " + name;
  ifreq request{};
  if (name.empty() || name.size() >= sizeof request.ifr_name) throw IoError(tried, EINVAL);
  Fd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd.get() < 0) Fail(tried + ": /dev/net/tun");
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) Fail(tried);
  return std::make_unique<Tun>(std::move(fd));
}

}  // namespace potemkin
