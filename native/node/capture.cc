// Node-API side of capture files and link layers: see src/native/capture.ts.
#include "capture.h"

#include "link.h"
#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

constexpr uint32_t kWord = 0xffffffff;

Napi::Value Read(const Napi::CallbackInfo& info) {
  const auto state = BorrowBytes(info[0], "state");
  if (state.size() != sizeof(Capture) || reinterpret_cast<uintptr_t>(state.data()) % alignof(Capture) != 0)
    throw Napi::TypeError::New(info.Env(), "state must be captureBytes bytes, aligned to 8");
  // SAFETY: the bytes are as many as a Capture has and aligned; the call below trusts none of them with an
  // address.
  auto& capture = *reinterpret_cast<Capture*>(state.data());
  if (capture.format > 2 || capture.foreign > 1 || capture.interfaces > kMostInterfaces)
    throw Napi::TypeError::New(info.Env(), "state is not one of a capture");
  for (uint32_t i = 0; i < capture.interfaces; i++) {
    if (capture.interface[i].second == 0)
      throw Napi::TypeError::New(info.Env(), "state is not one of a capture");
  }
  const auto chunk = BorrowBytes(info[1], "chunk");
  if (chunk.size() > kWord) throw Napi::RangeError::New(info.Env(), "chunk must be shorter than 4 GiB");
  const Packets packets = BorrowPackets(info[2]);
  CheckApart(info.Env(), std::as_bytes(state), std::as_bytes(std::span(packets.base, kTableBytes)), "state");
  const auto first = static_cast<uint32_t>(TakeInteger(info[3], "first", kRows));
  const auto most = static_cast<uint32_t>(TakeInteger(info[4], "most", kRows - first));
  readCapture(capture, chunk, packets, first, most);
  return Napi::Number::New(info.Env(), capture.rows);
}

Napi::Value Write(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  const auto into = BorrowBytes(info[4], "into");
  CheckApart(info.Env(), std::as_bytes(into), std::as_bytes(std::span(packets.base, kTableBytes)), "into");
  CheckApart(info.Env(), std::as_bytes(into), std::as_bytes(rows), "into");
  const size_t written = writeCapture(packets, rows.data(), rows.size(), info[3].ToBoolean(), into);
  if (written == 0 && !rows.empty())
    throw Napi::RangeError::New(info.Env(), "into is too short for the records");
  return Napi::Number::New(info.Env(), static_cast<double>(written));
}

Napi::Value Strip(const Napi::CallbackInfo& info) {
  const auto linkType = static_cast<uint32_t>(TakeInteger(info[0], "linkType", kWord));
  const auto frame = BorrowBytes(info[1], "frame");
  const Stripped found = strip(linkType, frame.data(), frame.size());
  return Napi::Number::New(info.Env(), found.fault == Fault::kNone ? static_cast<int32_t>(found.offset)
                                                                   : -static_cast<int32_t>(found.fault));
}

}  // namespace

void InitCapture(Napi::Env env, Napi::Object exports) {
  exports.Set("captureBytes", Napi::Number::New(env, sizeof(Capture)));
  exports.Set("captureRead", Napi::Function::New<Read>(env, "captureRead"));
  exports.Set("captureWrite", Napi::Function::New<Write>(env, "captureWrite"));
  exports.Set("linkStrip", Napi::Function::New<Strip>(env, "linkStrip"));
}

}  // namespace potemkin
