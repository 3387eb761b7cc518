// Node-API side of the scan filter: see src/native/scans.ts.
#include "scans.h"

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

uint32_t TakeWord(const Napi::Value& value, const char* name) {
  return static_cast<uint32_t>(TakeInteger(value, name, 0xffffffff));
}

Napi::Value Admit(const Napi::CallbackInfo& info) {
  Table table(BorrowBytes(info[0], "scans"));
  const Packets packets = BorrowPackets(info[1]);
  const auto rows = BorrowRows(packets, info[2], info[3]);
  const auto admitted = BorrowArray<uint8_t>(info[7], "admitted", napi_uint8_array);
  if (admitted.size() < rows.size())
    throw Napi::RangeError::New(info.Env(), "admitted has fewer than n places");
  CheckApart(info.Env(), std::as_bytes(admitted), std::as_bytes(rows), "admitted");
  Scans(table, TakeWord(info[6], "targets"))
      .admit(packets, rows, TakeWord(info[4], "now"), TakeWord(info[5], "window"), admitted.data());
  return info.Env().Undefined();
}

}  // namespace

void InitScans(Napi::Env env, Napi::Object exports) {
  exports.Set("scansAdmit", Napi::Function::New<Translated<Admit>>(env, "scansAdmit"));
}

}  // namespace potemkin
