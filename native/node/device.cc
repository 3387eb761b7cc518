// Packet devices as JavaScript objects, and network namespaces.
#include "device.h"

#include <napi.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "frames.h"
#include "netns.h"
#include "node/args.h"
#include "node/devicewrap.h"
#include "node/parts.h"
#include "raw.h"
#include "ring.h"
#include "tun.h"

namespace potemkin {

namespace {

class DeviceObject : public DeviceWrap<DeviceObject, Device> {
 public:
  using DeviceWrap::DeviceWrap;

  static Napi::Function Define(Napi::Env env) { return DefineClass(env, "Device", Methods()); }
};

uint32_t TakeU32(const Napi::Object& options, const char* name) {
  return static_cast<uint32_t>(TakeInteger(options.Get(name), name, UINT32_MAX));
}

uint8_t TakeU8(const Napi::Object& options, const char* name) {
  return static_cast<uint8_t>(TakeInteger(options.Get(name), name, UINT8_MAX));
}

std::string TakeString(const Napi::Value& value, const char* name) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a string");
  std::string text = value.As<Napi::String>();
  if (text.find('\0') != std::string::npos) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must not hold a NUL");
  }
  return text;
}

Napi::Object TakeOptions(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw Napi::TypeError::New(info.Env(), "options must be an object");
  return info[0].As<Napi::Object>();
}

std::unique_ptr<Device> OpenRingFrom(const Napi::CallbackInfo& info) {
  const Napi::Object options = TakeOptions(info);
  const Share share = {TakeU32(options, "worker"), TakeU32(options, "workers")};
  if (share.worker >= share.workers) throw Napi::RangeError::New(info.Env(), "worker must be below workers");
  return OpenRing({
      .interface = TakeString(options.Get("interface"), "interface"),
      .protocol = TakeU8(options, "protocol"),
      .local = TakeU32(options, "local"),
      .blockBytes = TakeU32(options, "blockBytes"),
      .blocks = TakeU32(options, "blocks"),
      .retire = TakeU32(options, "retire"),
      .share = share,
  });
}

std::unique_ptr<Device> OpenRawFrom(const Napi::CallbackInfo& info) {
  const Napi::Object options = TakeOptions(info);
  return OpenRaw({
      .protocol = TakeU8(options, "protocol"),
      .local = TakeU32(options, "local"),
      .interface = TakeString(options.Get("interface"), "interface"),
      .receiveBuffer = TakeU32(options, "receiveBuffer"),
  });
}

std::unique_ptr<Device> OpenClaimFrom(const Napi::CallbackInfo& info) {
  return OpenClaim(static_cast<uint8_t>(TakeInteger(info[0], "protocol", UINT8_MAX)));
}

std::unique_ptr<Device> OpenLinkFrom(const Napi::CallbackInfo& info) {
  const std::string interface = TakeString(info[0], "interface");
  const std::span<uint8_t> bytes = BorrowBytes(info[1], "mac");
  std::array<uint8_t, 6> mac;
  if (bytes.size() != mac.size()) throw Napi::RangeError::New(info.Env(), "mac must be 6 bytes");
  std::copy(bytes.begin(), bytes.end(), mac.begin());
  return OpenLink(interface, mac);
}

std::unique_ptr<Device> OpenFramesFrom(const Napi::CallbackInfo& info) {
  const auto fd = static_cast<int>(TakeInteger(info[0], "fd", INT32_MAX));
  // Before the descriptor has an owner, who would close it when this throws.
  const auto before = static_cast<uint32_t>(TakeInteger(info[1], "before", kHeadroom));
  return OpenFrames(Fd(fd), before);
}

std::unique_ptr<Device> OpenTunFrom(const Napi::CallbackInfo& info) {
  return OpenTun(TakeString(info[0], "name"));
}

Napi::Value MakeFramePair(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint32_t buffer =
      info[0].IsUndefined() ? kFrameBuffer : static_cast<uint32_t>(TakeInteger(info[0], "buffer", INT32_MAX));
  return Try(env, [&]() -> Napi::Value {
    auto [one, other] = FramePair(buffer);
    const Napi::Array pair = Napi::Array::New(env, 2);
    pair.Set(0u, one.Release());
    pair.Set(1u, other.Release());
    return pair;
  });
}

Napi::Value EnterNamespaceNow(const Napi::CallbackInfo& info) {
  const std::string name = TakeString(info[0], "name");
  return Try(info.Env(), [&] {
    EnterNamespace(name);
    return info.Env().Undefined();
  });
}

Napi::Value SetOffloadsNow(const Napi::CallbackInfo& info) {
  const std::string interface = TakeString(info[0], "interface");
  const bool on = info[1].ToBoolean();
  return Try(info.Env(), [&] {
    SetOffloads(interface, on);
    return info.Env().Undefined();
  });
}

Napi::Value Interfaces(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Try(env, [&]() -> Napi::Value {
    const Napi::Array list = Napi::Array::New(env);
    for (const Interface& one : ListInterfaces()) {
      const Napi::Object object = Napi::Object::New(env);
      object.Set("name", one.name);
      object.Set("index", one.index);
      object.Set("up", one.up);
      object.Set("running", one.running);
      object.Set("mtu", one.mtu);
      object.Set("mac", one.mac);
      const Napi::Array addresses = Napi::Array::New(env);
      for (const InterfaceAddress& address : one.addresses) {
        const Napi::Object entry = Napi::Object::New(env);
        entry.Set("address", address.address);
        entry.Set("prefix", static_cast<uint32_t>(address.prefix));
        addresses.Set(addresses.Length(), entry);
      }
      object.Set("addresses", addresses);
      list.Set(list.Length(), object);
    }
    return list;
  });
}

}  // namespace

void InitDevice(Napi::Env env, Napi::Object exports) {
  const auto device = std::make_shared<Napi::FunctionReference>(Napi::Persistent(DeviceObject::Define(env)));
  // The environment frees its references itself, before the functions that hold this one.
  device->SuppressDestruct();
  const auto opener = [&](const char* name, std::unique_ptr<Device> (*open)(const Napi::CallbackInfo&)) {
    const auto function = [device, open](const Napi::CallbackInfo& info) {
      return Try(info.Env(), [&]() -> Napi::Value {
        std::unique_ptr<Device> opened = open(info);
        const Napi::Object object = device->New({});
        DeviceObject::Unwrap(object)->Own(std::move(opened));
        return object;
      });
    };
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  opener("openRing", OpenRingFrom);
  opener("openRaw", OpenRawFrom);
  opener("openClaim", OpenClaimFrom);
  opener("openLink", OpenLinkFrom);
  opener("openFrames", OpenFramesFrom);
  opener("openTun", OpenTunFrom);
  exports.Set("framePair", Napi::Function::New<MakeFramePair>(env, "framePair"));
  exports.Set("enterNamespace", Napi::Function::New<EnterNamespaceNow>(env, "enterNamespace"));
  exports.Set("setOffloads", Napi::Function::New<SetOffloadsNow>(env, "setOffloads"));
  exports.Set("interfaces", Napi::Function::New<Interfaces>(env, "interfaces"));
}

}  // namespace potemkin
