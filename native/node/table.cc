// Node-API side of the hash table for per-packet state: see src/native/table.ts.
#include "table.h"

#include <stdexcept>

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

constexpr uint64_t kWord = 0xffffffff;

uint32_t TakeWord(const Napi::Value& value, const char* name) {
  return static_cast<uint32_t>(TakeInteger(value, name, kWord));
}

TableShape TakeShape(const Napi::CallbackInfo& info, size_t first) {
  return {TakeWord(info[first], "keyWords"), TakeWord(info[first + 1], "valueWords"),
          TakeWord(info[first + 2], "capacity")};
}

// The n keys of a batch, for a table of this shape.
const uint32_t* TakeKeys(const Napi::Value& value, uint32_t n, const Table& table) {
  const auto keys = BorrowArray<uint32_t>(value, "keys", napi_uint32_array);
  if (keys.size() / table.keyWords() < n)
    throw Napi::RangeError::New(value.Env(), "keys holds fewer than n keys");
  return keys.data();
}

template <typename T>
T* TakeResults(const Napi::Value& value, const char* name, napi_typedarray_type type, uint32_t n) {
  const auto results = BorrowArray<T>(value, name, type);
  if (results.size() < n)
    throw Napi::RangeError::New(value.Env(), std::string(name) + " has fewer than n places");
  return results.data();
}

Napi::Value Bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Table::bytes(TakeShape(info, 0))));
}

Napi::Value Create(const Napi::CallbackInfo& info) {
  const auto seed = BorrowBytes(info[4], "seed");
  if (seed.size() != 16) throw Napi::RangeError::New(info.Env(), "seed must have 16 bytes");
  uint64_t words[2];
  memcpy(words, seed.data(), sizeof words);
  Table::create(BorrowBytes(info[0], "memory"), TakeShape(info, 1), words);
  return info.Env().Undefined();
}

Napi::Value Lookup(const Napi::CallbackInfo& info) {
  const Table table(BorrowBytes(info[0], "memory"));
  const uint32_t n = TakeWord(info[2], "n");
  const uint32_t found =
      table.lookup(TakeKeys(info[1], n, table), n, TakeWord(info[3], "now"), TakeWord(info[4], "timeout"),
                   TakeResults<int32_t>(info[5], "slots", napi_int32_array, n));
  return Napi::Number::New(info.Env(), found);
}

Napi::Value Upsert(const Napi::CallbackInfo& info) {
  Table table(BorrowBytes(info[0], "memory"));
  const uint32_t n = TakeWord(info[2], "n");
  const auto whenFull = info[5].ToBoolean() ? WhenFull::kForgetOldest : WhenFull::kRefuse;
  const uint32_t added =
      table.upsert(TakeKeys(info[1], n, table), n, TakeWord(info[3], "now"), TakeWord(info[4], "timeout"),
                   whenFull, TakeResults<int32_t>(info[6], "slots", napi_int32_array, n),
                   TakeResults<uint8_t>(info[7], "fresh", napi_uint8_array, n));
  return Napi::Number::New(info.Env(), added);
}

Napi::Value Remove(const Napi::CallbackInfo& info) {
  Table table(BorrowBytes(info[0], "memory"));
  return Napi::Boolean::New(info.Env(), table.remove(TakeWord(info[1], "slot")));
}

Napi::Value Sweep(const Napi::CallbackInfo& info) {
  Table table(BorrowBytes(info[0], "memory"));
  const uint32_t now = TakeWord(info[1], "now"), timeout = TakeWord(info[2], "timeout");
  const uint32_t removed = table.sweep(TakeWord(info[3], "budget"),
                                       [&](uint32_t slot) { return table.older(slot, now, timeout); });
  return Napi::Number::New(info.Env(), removed);
}

}  // namespace

void InitTable(Napi::Env env, Napi::Object exports) {
  exports.Set("tableBytes", Napi::Function::New<Translated<Bytes>>(env, "tableBytes"));
  exports.Set("tableCreate", Napi::Function::New<Translated<Create>>(env, "tableCreate"));
  exports.Set("tableLookup", Napi::Function::New<Translated<Lookup>>(env, "tableLookup"));
  exports.Set("tableUpsert", Napi::Function::New<Translated<Upsert>>(env, "tableUpsert"));
  exports.Set("tableRemove", Napi::Function::New<Translated<Remove>>(env, "tableRemove"));
  exports.Set("tableSweep", Napi::Function::New<Translated<Sweep>>(env, "tableSweep"));
}

}  // namespace potemkin
