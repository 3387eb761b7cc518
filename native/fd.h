// File descriptors that have an owner, and system calls that fail.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>

namespace potemkin {

// A system call that failed while something was being opened.
struct IoError : std::runtime_error {
  int number;  // errno
  IoError(const std::string& tried, int errorNumber) : std::runtime_error(tried), number(errorNumber) {}
};

// Throws errno with what was tried.
[[noreturn]] inline void Fail(const std::string& tried) {
  throw IoError(tried, errno);
}

// An open file descriptor, closed with its owner.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  // Gives the descriptor up.
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace potemkin
