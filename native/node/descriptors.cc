// Descriptors for other processes. Where JavaScript gets a number, JavaScript has to close it.
#include "descriptors.h"

#include <napi.h>

#include "node/args.h"
#include "node/errors.h"
#include "node/parts.h"

namespace potemkin {

namespace {

int TakeFd(const Napi::Value& value) {
  return static_cast<int>(TakeInteger(value, "fd", INT32_MAX));
}

Napi::Value MakePair(Napi::Env env, std::pair<Fd, Fd> pair) {
  const Napi::Array array = Napi::Array::New(env, 2);
  array.Set(0u, pair.first.Release());
  array.Set(1u, pair.second.Release());
  return array;
}

Napi::Value MakeStreamPair(const Napi::CallbackInfo& info) {
  return Try(info.Env(), [&] { return MakePair(info.Env(), StreamPair()); });
}

Napi::Value MakeMemoryFile(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw Napi::TypeError::New(info.Env(), "name must be a string");
  const std::string name = info[0].As<Napi::String>();
  const uint64_t size = TakeInteger(info[1], "size");
  return Try(info.Env(), [&] { return Napi::Number::New(info.Env(), MemoryFile(name, size).Release()); });
}

Napi::Value DuplicateNow(const Napi::CallbackInfo& info) {
  const int fd = TakeFd(info[0]);
  return Try(info.Env(), [&] { return Napi::Number::New(info.Env(), Duplicate(fd).Release()); });
}

Napi::Value Send(const Napi::CallbackInfo& info) {
  const int socket = TakeFd(info[0]);
  const std::span<const uint8_t> bytes = BorrowBytes(info[1], "bytes");
  const std::span<const int32_t> fds = BorrowArray<int32_t>(info[2], "fds", napi_int32_array);
  return Try(info.Env(), [&] {
    return Napi::Number::New(info.Env(), static_cast<double>(SendDescriptors(socket, bytes, fds)));
  });
}

}  // namespace

void InitDescriptors(Napi::Env env, Napi::Object exports) {
  exports.Set("streamPair", Napi::Function::New<MakeStreamPair>(env, "streamPair"));
  exports.Set("memoryFile", Napi::Function::New<MakeMemoryFile>(env, "memoryFile"));
  exports.Set("duplicate", Napi::Function::New<DuplicateNow>(env, "duplicate"));
  exports.Set("sendDescriptors", Napi::Function::New<Send>(env, "sendDescriptors"));
}

}  // namespace potemkin
