// Wires as a JavaScript object: see NativeWires in src/native/device.ts.
#include "wires.h"

#include <napi.h>

#include <memory>

#include "node/devicewrap.h"
#include "node/parts.h"

namespace potemkin {

namespace {

class WiresObject : public DeviceWrap<WiresObject, Wires> {
 public:
  using DeviceWrap::DeviceWrap;

  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "Wires",
        Methods({InstanceMethod("add", &WiresObject::Add), InstanceMethod("remove", &WiresObject::Remove)}));
  }

 private:
  Napi::Value Add(const Napi::CallbackInfo& info) {
    Wires& wires = Open(info.Env());
    const auto clone = static_cast<uint32_t>(TakeInteger(info[0], "clone", UINT32_MAX));
    // Last, since from here on the descriptor has an owner, who closes it when this throws.
    const auto fd = static_cast<int>(TakeInteger(info[1], "fd", INT32_MAX));
    return Try(info.Env(), [&] {
      wires.Add(clone, Fd(fd));
      return info.Env().Undefined();
    });
  }

  Napi::Value Remove(const Napi::CallbackInfo& info) {
    Wires& wires = Open(info.Env());
    const auto clone = static_cast<uint32_t>(TakeInteger(info[0], "clone", UINT32_MAX));
    return Napi::Boolean::New(info.Env(), wires.Remove(clone));
  }
};

}  // namespace

void InitWires(Napi::Env env, Napi::Object exports) {
  const auto wires = std::make_shared<Napi::FunctionReference>(Napi::Persistent(WiresObject::Define(env)));
  // The environment frees its references itself, before the functions that hold this one.
  wires->SuppressDestruct();
  const auto open = [wires](const Napi::CallbackInfo& info) {
    return Try(info.Env(), [&]() -> Napi::Value {
      auto opened = std::make_unique<Wires>();
      const Napi::Object object = wires->New({});
      WiresObject::Unwrap(object)->Own(std::move(opened));
      return object;
    });
  };
  exports.Set("openWires", Napi::Function::New(env, open, "openWires"));
}

}  // namespace potemkin
