// Node-API side of IPv4 and its transports: see src/native/ip.ts.
#include "ip.h"

#include <algorithm>

#include "node/args.h"
#include "node/parts.h"
#include "translate.h"

namespace potemkin {

namespace {

Napi::Value Check(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  const auto flags = static_cast<uint32_t>(TakeInteger(info[3], "flags", kCheckTransport));
  return SayJudged(info.Env(), checkIp(packets, rows.data(), rows.size(), flags));
}

template <uint32_t (*function)(const Packets&, const uint16_t*, size_t)>
Napi::Value Batchwise(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  return Napi::Number::New(info.Env(), function(packets, rows.data(), rows.size()));
}

Napi::Value Translate(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  const auto ones = BorrowArray<uint32_t>(info[3], "ones", napi_uint32_array);
  const auto others = BorrowArray<uint32_t>(info[4], "others", napi_uint32_array);
  if (std::min(ones.size(), others.size()) < rows.size())
    throw Napi::RangeError::New(info.Env(), "ones and others must hold an address for each row");
  return Napi::Number::New(info.Env(),
                           translateIp(packets, rows.data(), rows.size(), ones.data(), others.data()));
}

}  // namespace

void InitIp(Napi::Env env, Napi::Object exports) {
  exports.Set("ipCheck", Napi::Function::New<Check>(env, "ipCheck"));
  exports.Set("ipRewrite", Napi::Function::New<Batchwise<rewriteIp>>(env, "ipRewrite"));
  exports.Set("ipTranslate", Napi::Function::New<Translate>(env, "ipTranslate"));
  exports.Set("ipFinish", Napi::Function::New<Batchwise<finishIp>>(env, "ipFinish"));
}

}  // namespace potemkin
