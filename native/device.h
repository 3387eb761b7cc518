// What all packet devices have in common: a file descriptor, batches of packets in and out, a drop counter.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "columns.h"
#include "fd.h"

namespace potemkin {

// An opened packet device. Both directions are non-blocking.
class Device {
 public:
  explicit Device(Fd fd) : fd_(std::move(fd)) {}
  virtual ~Device() = default;

  // Readable when packets wait, in error when the device has failed.
  int fd() const { return fd_.get(); }

  // Receives into rows first … first + max - 1, which the caller has checked.
  // Returns the number of rows filled, or -errno when there is none and the device has failed.
  virtual int Receive(const Packets& packets, uint32_t first, uint32_t max);

  // Sends at most kRows rows, which the caller has checked, and reorders them: those that were accepted come
  // first, in their order, then those that were refused, in any. Returns the number accepted, or -errno when
  // that is 0 because the device has failed.
  virtual int Send(const Packets& packets, std::span<uint16_t> rows);

  // Packets that the kernel dropped since the device was opened, because nobody received them in time.
  virtual uint64_t Drops() { return 0; }

  // Packets that may wait in it; a guess.
  virtual uint32_t Room() const { return 2048; }

 protected:
  // The error that is pending on the socket, as -errno, or 0. Asking for it clears it.
  int TakeSocketError() const;

 private:
  Fd fd_;
};

// Sets length and fault of a row whose bytes were put at its start: `captured` of the `length` bytes of the
// packet.
void SetLength(const Packets& packets, uint32_t row, size_t captured, size_t length,
               size_t room = kMaxPacket);

// Whether an error concerns the device as a whole, and not one packet.
bool DeviceFailed(int error);

// Splits a list of at most kRows rows into accepted and refused ones, in place. Each row must be told once.
class Partition {
 public:
  explicit Partition(std::span<uint16_t> rows) : rows_(rows) {}
  void Accept(uint16_t row) { rows_[accepted_++] = row; }
  void Refuse(uint16_t row) { refused_[refusedCount_++] = row; }
  // Puts the refused rows behind the accepted ones; returns the number accepted.
  int Finish();

 private:
  std::span<uint16_t> rows_;
  size_t accepted_ = 0;
  size_t refusedCount_ = 0;
  uint16_t refused_[kRows];
};

}  // namespace potemkin
