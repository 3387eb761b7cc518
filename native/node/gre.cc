// Node-API side of GRE: see src/native/gre.ts.
#include "gre.h"

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

Tunnel& TakeTunnel(const Napi::Value& value) {
  const auto words = BorrowArray<uint32_t>(value, "tunnel", napi_uint32_array);
  if (words.size() * sizeof(uint32_t) != sizeof(Tunnel))
    throw Napi::TypeError::New(value.Env(), "tunnel must be what makeTunnel() returns");
  // SAFETY: a Tunnel is nothing but as many uint32_t, and any value of them is allowed.
  return *reinterpret_cast<Tunnel*>(words.data());
}

Napi::Value Decapsulate(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  return SayJudged(info.Env(), decapsulate(packets, rows.data(), rows.size(), TakeTunnel(info[3])));
}

Napi::Value Encapsulate(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  return Napi::Number::New(info.Env(), encapsulate(packets, rows.data(), rows.size(), TakeTunnel(info[3])));
}

}  // namespace

void InitGre(Napi::Env env, Napi::Object exports) {
  exports.Set("greDecapsulate", Napi::Function::New<Decapsulate>(env, "greDecapsulate"));
  exports.Set("greEncapsulate", Napi::Function::New<Encapsulate>(env, "greEncapsulate"));
}

}  // namespace potemkin
