// How the memory pool fails.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>

namespace potemkin {

// The codes; src/farm/pool-error.ts lists the same.
namespace pool {
inline constexpr char kRange[] = "POOL_RANGE";
inline constexpr char kBudget[] = "POOL_BUDGET";
inline constexpr char kCap[] = "POOL_CAP";
inline constexpr char kClones[] = "POOL_CLONES";
inline constexpr char kSealed[] = "POOL_SEALED";
inline constexpr char kUnsealed[] = "POOL_UNSEALED";
inline constexpr char kBusy[] = "POOL_BUSY";
inline constexpr char kImage[] = "POOL_IMAGE";
inline constexpr char kClosed[] = "POOL_CLOSED";
inline constexpr char kSystem[] = "POOL_SYSTEM";
}  // namespace pool

class PoolFailure : public std::runtime_error {
 public:
  PoolFailure(const char* code, const std::string& message) : std::runtime_error(message), code(code) {}

  // The system call `what` failed with errno.
  static PoolFailure System(const char* what) {
    const int error = errno;
    return {pool::kSystem, std::string(what) + ": " + std::strerror(error)};
  }

  const char* code;
  // In a batch: the entry that failed. All entries before it are done, none after it.
  std::optional<size_t> index;
};

}  // namespace potemkin
