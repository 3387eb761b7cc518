// What the daemon and the launcher say to each other over a unix stream socket. All numbers are
// little-endian.
//
// A message is u32 length, then so many bytes: u8 kind, u32 id, and what the kind has:
//
//   daemon: launch   u32 slot, u32 open files, u32 processes, u64 bytes of a file, u8 descriptors,
//                    u8 settings, for each: u8 group, string file, string value; u16 arguments, strings
//           kill     -
//   launcher: ready    -                             (id 0)
//             started  u32 pid
//             failed   why, to the end
//             ended    u8 signalled, u32 status or signal, last words, to the end
//
// A string is u16 length and so many bytes, none of them 0. The descriptors of a launch come with its bytes
// (SCM_RIGHTS), in order.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace potemkin::launcher {

inline constexpr uint32_t kMaxRequest = 65536;  // bytes behind the length
inline constexpr uint32_t kMaxText = 1024;      // bytes of a text in a reply, which is cut there
inline constexpr uint32_t kMaxDescriptors = 32;
inline constexpr uint32_t kMaxArguments = 1024;

// What is written to a file of a machine's control group; `group` counts the groups that the launcher was
// given.
struct Setting {
  uint8_t group;
  std::string file;
  std::string value;
};

struct Launch {
  uint32_t id;
  uint32_t slot;
  uint32_t files;
  uint32_t processes;
  uint64_t fileBytes;
  uint8_t descriptors;
  std::vector<Setting> settings;
  std::vector<std::string> arguments;  // the first is the program's path
};

struct Kill {
  uint32_t id;
};

using Request = std::variant<Launch, Kill>;

// The daemon sent what is no request. There is no way to go on: where the next one begins is not known.
struct ProtocolError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Puts requests together from pieces of a stream. Holds at most one unfinished request and what was appended
// last.
class Inbox {
 public:
  void Append(std::span<const uint8_t> bytes);
  // The next request, if all of it is there. Throws ProtocolError.
  std::optional<Request> Next();

 private:
  std::vector<uint8_t> bytes_;
  size_t read_ = 0;
};

enum class Reply : uint8_t { kReady = 1, kStarted = 2, kFailed = 3, kEnded = 4 };

// Appends messages of the launcher to a stream.
void AppendReady(std::string& stream);
void AppendStarted(std::string& stream, uint32_t id, uint32_t pid);
void AppendFailed(std::string& stream, uint32_t id, std::string_view why);
void AppendEnded(std::string& stream, uint32_t id, bool signalled, uint32_t value,
                 std::string_view lastWords);

}  // namespace potemkin::launcher
