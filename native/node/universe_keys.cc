// Node-API side of the keys that share a universe: see src/native/universe-keys.ts.
#include "universe_keys.h"

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

UniverseKeysMemory& BorrowKeys(const Napi::Value& value) {
  const auto bytes = BorrowBytes(value, "keys");
  if (bytes.size() != sizeof(UniverseKeysMemory) ||
      reinterpret_cast<uintptr_t>(bytes.data()) % alignof(UniverseKeysMemory) != 0) {
    throw Napi::TypeError::New(value.Env(), "keys must be the memory of a turn's keys");
  }
  // SAFETY: as long as one and aligned to it, and of any contents.
  return *reinterpret_cast<UniverseKeysMemory*>(bytes.data());
}

Napi::Value Read(const Napi::CallbackInfo& info) {
  UniverseKeysMemory& memory = BorrowKeys(info[0]);
  const Table universes(BorrowBytes(info[1], "universes"));
  const Packets packets = BorrowPackets(info[2]);
  const auto rows = BorrowRows(packets, info[3], info[4]);
  CheckApart(info.Env(), std::as_bytes(std::span(&memory, 1)), std::as_bytes(rows), "keys");
  const auto by = static_cast<KeyBy>(TakeInteger(info[5], "by", static_cast<uint64_t>(KeyBy::kSource)));
  UniverseKeys(memory, universes).read(packets, rows, by);
  return info.Env().Undefined();
}

}  // namespace

void InitUniverseKeys(Napi::Env env, Napi::Object exports) {
  exports.Set("universeKeysRead", Napi::Function::New<Translated<Read>>(env, "universeKeysRead"));
}

}  // namespace potemkin
