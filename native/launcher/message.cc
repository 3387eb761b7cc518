#include "launcher/message.h"

#include <algorithm>

namespace potemkin::launcher {

namespace {

enum Kind : uint8_t { kLaunch = 1, kKill = 2 };

// Reads the bytes of one message, and not beyond them.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint64_t Number(size_t size) {
    uint64_t value = 0;
    for (unsigned shift = 0; const uint8_t byte : Take(size)) {
      value |= uint64_t{byte} << shift;
      shift += 8;
    }
    return value;
  }
  uint8_t U8() { return static_cast<uint8_t>(Number(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Number(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Number(4)); }
  uint64_t U64() { return Number(8); }

  std::string String() {
    const std::span<const uint8_t> text = Take(U16());
    if (std::find(text.begin(), text.end(), 0) != text.end()) throw ProtocolError("a string holds a NUL");
    return {text.begin(), text.end()};
  }

  void End() const {
    if (!bytes_.empty()) throw ProtocolError(std::to_string(bytes_.size()) + " bytes too many in a request");
  }

 private:
  std::span<const uint8_t> Take(size_t size) {
    if (size > bytes_.size())
      throw ProtocolError("a request ends " + std::to_string(size - bytes_.size()) + " bytes too early");
    const std::span<const uint8_t> taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

  std::span<const uint8_t> bytes_;
};

// A file in a group, and no path out of it.
bool IsFileName(const std::string& name) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || c == '_' || c == '.'; });
}

Launch ReadLaunch(Reader& reader, uint32_t id) {
  Launch launch{.id = id,
                .slot = reader.U32(),
                .files = reader.U32(),
                .processes = reader.U32(),
                .fileBytes = reader.U64(),
                .descriptors = reader.U8(),
                .settings = {},
                .arguments = {}};
  if (launch.descriptors > kMaxDescriptors)
    throw ProtocolError("more than " + std::to_string(kMaxDescriptors) + " descriptors");
  for (uint32_t left = reader.U8(); left > 0; left--) {
    const uint8_t group = reader.U8();
    std::string file = reader.String();
    if (!IsFileName(file)) throw ProtocolError("a setting's file is no name: " + file);
    launch.settings.push_back({group, std::move(file), reader.String()});
  }
  const uint32_t arguments = reader.U16();
  if (arguments == 0 || arguments > kMaxArguments)
    throw ProtocolError("expected 1 to " + std::to_string(kMaxArguments) + " arguments, got " +
                        std::to_string(arguments));
  for (uint32_t i = 0; i < arguments; i++) launch.arguments.push_back(reader.String());
  if (!launch.arguments[0].starts_with('/')) throw ProtocolError("a program's path does not begin with /");
  return launch;
}

Request ReadRequest(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  const uint8_t kind = reader.U8();
  const uint32_t id = reader.U32();
  Request request = Kill{id};
  if (kind == kLaunch) {
    request = ReadLaunch(reader, id);
  } else if (kind != kKill) {
    throw ProtocolError("there is no request of kind " + std::to_string(kind));
  }
  reader.End();
  return request;
}

void AppendNumber(std::string& stream, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; i++) stream.push_back(static_cast<char>(value >> (8 * i)));
}

// `bytes`: of what follows.
void AppendHead(std::string& stream, Reply kind, uint32_t id, size_t bytes) {
  AppendNumber(stream, 5 + bytes, 4);
  AppendNumber(stream, static_cast<uint8_t>(kind), 1);
  AppendNumber(stream, id, 4);
}

}  // namespace

void Inbox::Append(std::span<const uint8_t> bytes) {
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(read_));
  read_ = 0;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::optional<Request> Inbox::Next() {
  const std::span<const uint8_t> waiting = std::span<const uint8_t>(bytes_).subspan(read_);
  if (waiting.size() < 4) return std::nullopt;
  const uint32_t length = Reader(waiting).U32();
  if (length > kMaxRequest)
    throw ProtocolError("a request of " + std::to_string(length) + " bytes; at most " +
                        std::to_string(kMaxRequest) + " are allowed");
  if (waiting.size() - 4 < length) return std::nullopt;
  read_ += 4 + length;
  return ReadRequest(waiting.subspan(4, length));
}

void AppendReady(std::string& stream) {
  AppendHead(stream, Reply::kReady, 0, 0);
}

void AppendStarted(std::string& stream, uint32_t id, uint32_t pid) {
  AppendHead(stream, Reply::kStarted, id, 4);
  AppendNumber(stream, pid, 4);
}

void AppendFailed(std::string& stream, uint32_t id, std::string_view why) {
  why = why.substr(0, kMaxText);
  AppendHead(stream, Reply::kFailed, id, why.size());
  stream += why;
}

void AppendEnded(std::string& stream, uint32_t id, bool signalled, uint32_t value,
                 std::string_view lastWords) {
  lastWords = lastWords.substr(0, kMaxText);
  AppendHead(stream, Reply::kEnded, id, 5 + lastWords.size());
  AppendNumber(stream, signalled, 1);
  AppendNumber(stream, value, 4);
  stream += lastWords;
}

}  // namespace potemkin::launcher
