// Node-API side of the memory of guests in other processes. Bytes are copied into and from arrays that
// JavaScript owns.
#include "processmemory.h"

#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <optional>
#include <system_error>

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {
namespace {

using Info = Napi::CallbackInfo;

// An Error with the code of errno.
Napi::Error ToError(Napi::Env env, const std::system_error& error) {
  const std::string code = uv_err_name(-error.code().value());
  Napi::Error made = Napi::Error::New(env, code + ": " + error.what());
  made.Set("code", Napi::String::New(env, code));
  return made;
}

Napi::Value Number(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

// new ProcessMemory(pid, base, size, scan).
class ProcessMemoryObject : public Napi::ObjectWrap<ProcessMemoryObject> {
 public:
  static Napi::Function Class(Napi::Env env) {
    using Self = ProcessMemoryObject;
    return DefineClass(env, "ProcessMemory",
                       {
                           InstanceMethod<&Self::Call<&Self::Delta>>("delta"),
                           InstanceMethod<&Self::Call<&Self::Measure>>("measure"),
                           InstanceMethod<&Self::Call<&Self::DirtyRanges>>("dirtyRanges"),
                           InstanceMethod<&Self::Call<&Self::Read>>("read"),
                           InstanceMethod<&Self::Call<&Self::Write>>("write"),
                           InstanceMethod<&Self::Close>("close"),
                       });
  }

  explicit ProcessMemoryObject(const Info& info) : Napi::ObjectWrap<ProcessMemoryObject>(info) {
    const Napi::Env env = info.Env();
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    const auto pid = static_cast<pid_t>(TakeInteger(info[0], "pid", INT32_MAX));
    const uint64_t base = TakeInteger(info[1], "base");
    const uint64_t size = TakeInteger(info[2], "size", kMaxInteger - base);
    if (pid == 0) throw Napi::RangeError::New(env, "pid must not be 0");
    if (base % page != 0 || size % page != 0 || size == 0 || size / page > UINT32_MAX) {
      throw Napi::RangeError::New(env, "base and size must be whole pages");
    }
    const auto method = static_cast<ScanMethod>(TakeInteger(info[3], "scan", 2));
    try {
      memory_.emplace(pid, base, size, method);
    } catch (const std::system_error& error) {
      throw ToError(env, error);
    }
  }

 private:
  template <auto kMethod>
  Napi::Value Call(const Info& info) {
    if (!memory_) throw Napi::Error::New(info.Env(), "the process's memory is closed");
    try {
      return (this->*kMethod)(info);
    } catch (const std::system_error& error) {
      throw ToError(info.Env(), error);
    }
  }

  Napi::Value Delta(const Info& info) { return Number(info.Env(), memory_->Delta()); }
  Napi::Value Measure(const Info& info) {
    const MappingBytes bytes = memory_->Measure();
    auto object = Napi::Object::New(info.Env());
    object.Set("dirty", Number(info.Env(), bytes.dirty));
    object.Set("clean", Number(info.Env(), bytes.clean));
    return object;
  }
  Napi::Value DirtyRanges(const Info& info) {
    const std::vector<uint32_t>& ranges = memory_->DirtyRanges();
    auto array = Napi::Uint32Array::New(info.Env(), ranges.size());
    std::copy(ranges.begin(), ranges.end(), array.Data());
    return array;
  }
  // The bytes of the second argument, if as many lie in the mapping from `offset` on.
  std::span<uint8_t> Window(const Info& info, uint64_t offset, const char* name) {
    const std::span<uint8_t> bytes = BorrowBytes(info[1], name);
    if (bytes.size() > memory_->size() || offset > memory_->size() - bytes.size()) {
      throw Napi::RangeError::New(info.Env(), "the window is not inside of the mapping");
    }
    return bytes;
  }
  Napi::Value Read(const Info& info) {
    const uint64_t offset = TakeInteger(info[0], "offset");
    memory_->Read(offset, Window(info, offset, "into"));
    return info.Env().Undefined();
  }
  Napi::Value Write(const Info& info) {
    const uint64_t offset = TakeInteger(info[0], "offset");
    memory_->Write(offset, Window(info, offset, "from"));
    return info.Env().Undefined();
  }
  void Close(const Info& /*info*/) { memory_.reset(); }

  std::optional<ProcessMemory> memory_;
};

}  // namespace

void InitProcessMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("ProcessMemory", ProcessMemoryObject::Class(env));
}

}  // namespace potemkin
