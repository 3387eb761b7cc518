// The launcher's end of the conversation, for launcher-messages.test.ts.
//
//   launcher_peer read    reads streams of requests, each as u32 length, u32 bytes at a time, and so many
//   bytes;
//                         prints each request, with texts in hexadecimal, and how the stream ends
//   launcher_peer write   writes one reply of each kind, and some with texts that are too long
#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "launcher/message.h"

using namespace potemkin::launcher;

namespace {

void Print(const std::string& text) {
  std::printf(" %zu:", text.size());
  for (const char c : text) std::printf("%02x", static_cast<unsigned char>(c));
}

void Print(const Request& request) {
  if (const Kill* kill = std::get_if<Kill>(&request)) {
    std::printf("kill %u\n", kill->id);
    return;
  }
  const Launch& launch = std::get<Launch>(request);
  std::printf("launch %u %u %u %u %llu %u", launch.id, launch.slot, launch.files, launch.processes,
              static_cast<unsigned long long>(launch.fileBytes), launch.descriptors);
  for (const Setting& setting : launch.settings) {
    std::printf(" set %u", setting.group);
    Print(setting.file);
    Print(setting.value);
  }
  std::printf(" run");
  for (const std::string& argument : launch.arguments) Print(argument);
  std::printf("\n");
}

void Read(const std::vector<uint8_t>& stream, size_t step) {
  Inbox inbox;
  try {
    for (size_t at = 0; at < stream.size(); at += step) {
      inbox.Append(std::span(stream).subspan(at, std::min(step, stream.size() - at)));
      while (const std::optional<Request> request = inbox.Next()) Print(*request);
    }
    std::printf("end\n");
  } catch (const ProtocolError& error) {
    std::string why = error.what();
    std::replace(why.begin(), why.end(), '\n', '?');
    std::printf("error %s\n", why.c_str());
  }
}

void ReadAll() {
  for (uint32_t head[2]; std::fread(head, sizeof head, 1, stdin) == 1;) {
    std::vector<uint8_t> stream(head[0]);
    if (std::fread(stream.data(), 1, stream.size(), stdin) == stream.size()) Read(stream, head[1]);
  }
}

void Write() {
  std::string stream;
  AppendReady(stream);
  AppendStarted(stream, 7, 4'000'000'000);
  AppendFailed(stream, 8, "mounting /proc: Not a directory");
  AppendEnded(stream, 9, false, 3, "");
  AppendEnded(stream, 10, true, 9, "\x1b[31mlast\nwords \xff\xfe");
  AppendEnded(stream, 11, true, 64, std::string(100'000, 'x'));
  AppendFailed(stream, 0xffffffff, std::string(100'000, 'y'));
  std::fwrite(stream.data(), 1, stream.size(), stdout);
}

}  // namespace

int main(int count, char** words) {
  const std::string what = count > 1 ? words[1] : "";
  if (what == "read") ReadAll();
  if (what == "write") Write();
  return 0;
}
