#include "device.h"

#include <sys/socket.h>

#include <algorithm>

namespace potemkin {

int Device::Receive(const Packets& /*packets*/, uint32_t /*first*/, uint32_t /*max*/) {
  return 0;
}

int Device::Send(const Packets& /*packets*/, std::span<uint16_t> /*rows*/) {
  return 0;
}

int Device::TakeSocketError() const {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
  return -error;
}

void SetLength(const Packets& packets, uint32_t row, size_t captured, size_t length, size_t room) {
  packets.length()[row] = static_cast<uint32_t>(captured);
  Fault fault = Fault::kNone;
  if (length > room) {
    fault = Fault::kOversize;
  } else if (captured < length) {
    fault = Fault::kCapturedShort;
  }
  packets.fault()[row] = static_cast<uint8_t>(fault);
}

bool DeviceFailed(int error) {
  return error == ENETDOWN || error == ENODEV || error == ENXIO || error == EBADFD || error == EIO;
}

int Partition::Finish() {
  std::copy_n(refused_, refusedCount_, rows_.begin() + static_cast<ptrdiff_t>(accepted_));
  return static_cast<int>(accepted_);
}

}  // namespace potemkin
