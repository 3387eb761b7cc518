// Node-API side of the classifier: see src/native/classify.ts.
#include "classify.h"

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

Napi::Value Classify(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  const auto words = BorrowArray<int32_t>(info[3], "program", napi_int32_array);
  const auto results = BorrowArray<uint16_t>(info[5], "results", napi_uint16_array);
  constexpr size_t kStepWords = sizeof(ClassifierStep) / sizeof(int32_t);
  if (words.size() % kStepWords != 0)
    throw Napi::TypeError::New(info.Env(), "program must be made of steps of 9 words");
  if (results.size() < rows.size())
    throw Napi::RangeError::New(info.Env(), "results has fewer than count places");
  CheckApart(info.Env(), std::as_bytes(results), std::as_bytes(rows), "results");
  // SAFETY: a step is nothing but as many words of 32 bits, and any value of them is allowed.
  const std::span<const ClassifierStep> program(reinterpret_cast<const ClassifierStep*>(words.data()),
                                                words.size() / kStepWords);
  classify(packets, rows, program, info[4].ToNumber().Int32Value(), results.data());
  return info.Env().Undefined();
}

}  // namespace

void InitClassify(Napi::Env env, Napi::Object exports) {
  exports.Set("classify", Napi::Function::New<Classify>(env, "classify"));
}

}  // namespace potemkin
