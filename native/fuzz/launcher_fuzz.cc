// Any bytes as requests to the launcher, read whole and in small pieces: both must give the same requests and
// the same complaint, and what is accepted keeps to its bounds.
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "launcher/message.h"

using namespace potemkin::launcher;

namespace {

struct Outcome {
  std::vector<std::string> requests;
  std::string complaint;
  bool operator==(const Outcome&) const = default;
};

std::string describe(const Request& request) {
  if (const Kill* kill = std::get_if<Kill>(&request)) return "kill " + std::to_string(kill->id);
  const Launch& launch = std::get<Launch>(request);
  REQUIRE(launch.descriptors <= kMaxDescriptors);
  REQUIRE(!launch.arguments.empty() && launch.arguments.size() <= kMaxArguments);
  REQUIRE(launch.arguments[0].starts_with('/'));
  std::string text = std::to_string(launch.id) + ' ' + std::to_string(launch.slot);
  for (const Setting& setting : launch.settings) {
    REQUIRE(!setting.file.empty() && setting.file[0] != '.' && setting.file.find('/') == std::string::npos);
    text += ' ' + setting.file + '=' + setting.value;
  }
  for (const std::string& argument : launch.arguments) {
    REQUIRE(argument.find('\0') == std::string::npos);
    text += ' ' + argument;
  }
  return text;
}

Outcome readAll(std::span<const uint8_t> stream, size_t step) {
  Inbox inbox;
  Outcome outcome;
  try {
    for (size_t at = 0; at < stream.size(); at += step) {
      // A copy of exactly this size, so that a read beyond it is seen.
      const std::span<const uint8_t> piece = stream.subspan(at, std::min(step, stream.size() - at));
      inbox.Append(std::vector<uint8_t>(piece.begin(), piece.end()));
      while (const std::optional<Request> request = inbox.Next()) {
        outcome.requests.push_back(describe(*request));
      }
    }
  } catch (const ProtocolError& error) {
    outcome.complaint = error.what();
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span stream(data, size);
  const Outcome whole = readAll(stream, std::max<size_t>(size, 1));
  REQUIRE(readAll(stream, std::max<size_t>(size / 9, 3)) == whole);
  return 0;
}
