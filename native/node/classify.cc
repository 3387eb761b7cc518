// Node-API side of the classifier: see src/native/classify.ts.
#include "classify.h"

#include "decide.h"
#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

// A place for each row.
uint16_t* BorrowResults(const Napi::Value& value, std::span<const uint16_t> rows) {
  const auto results = BorrowArray<uint16_t>(value, "results", napi_uint16_array);
  if (results.size() < rows.size())
    throw Napi::RangeError::New(value.Env(), "results has fewer than count places");
  CheckApart(value.Env(), std::as_bytes(results), std::as_bytes(rows), "results");
  return results.data();
}

Napi::Value Classify(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  const auto words = BorrowArray<int32_t>(info[3], "program", napi_int32_array);
  const auto results = BorrowResults(info[5], rows);
  constexpr size_t kStepWords = sizeof(ClassifierStep) / sizeof(int32_t);
  if (words.size() % kStepWords != 0)
    throw Napi::TypeError::New(info.Env(), "program must be made of steps of 9 words");
  // SAFETY: a step is nothing but as many words of 32 bits, and any value of them is allowed.
  const std::span<const ClassifierStep> program(reinterpret_cast<const ClassifierStep*>(words.data()),
                                                words.size() / kStepWords);
  classify(packets, rows, program, info[4].ToNumber().Int32Value(), results);
  return info.Env().Undefined();
}

Napi::Value Decide(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  const auto table = BorrowArray<uint32_t>(info[3], "table", napi_uint32_array);
  decide(packets, rows, table, BorrowResults(info[4], rows));
  return info.Env().Undefined();
}

}  // namespace

void InitClassify(Napi::Env env, Napi::Object exports) {
  exports.Set("classify", Napi::Function::New<Classify>(env, "classify"));
  exports.Set("decide", Napi::Function::New<Decide>(env, "decide"));
}

}  // namespace potemkin
