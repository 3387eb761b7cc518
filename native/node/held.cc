// Node-API side of packets that wait: see src/native/held.ts.
#include "held.h"

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

// The rings, from the argument at place 3 on.
HeldRings TakeRings(const Napi::CallbackInfo& info) {
  const auto word = [&](size_t i, const char* name) {
    return static_cast<uint32_t>(TakeInteger(info[i], name, 0xffffffff));
  };
  return {BorrowArray<uint32_t>(info[3], "words", napi_uint32_array),
          BorrowBytes(info[4], "data"),
          word(5, "head"),
          word(6, "held"),
          word(7, "dataHead"),
          word(8, "bytes")};
}

Napi::Value Push(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  const HeldRings rings = TakeRings(info);
  CheckApart(info.Env(), std::as_bytes(rings.words), std::as_bytes(rows), "words");
  CheckApart(info.Env(), std::as_bytes(rings.data), std::as_bytes(rows), "data");
  return Napi::Number::New(info.Env(), pushHeld(packets, rows, rings));
}

Napi::Value Pop(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto first = static_cast<uint32_t>(TakeInteger(info[1], "first", kRows));
  const auto count = static_cast<uint32_t>(TakeInteger(info[2], "count", kRows - first));
  return Napi::Number::New(info.Env(), popHeld(packets, first, count, TakeRings(info)));
}

}  // namespace

void InitHeld(Napi::Env env, Napi::Object exports) {
  exports.Set("heldPush", Napi::Function::New<Translated<Push>>(env, "heldPush"));
  exports.Set("heldPop", Napi::Function::New<Translated<Pop>>(env, "heldPop"));
}

}  // namespace potemkin
