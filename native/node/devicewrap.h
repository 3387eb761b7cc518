// What all packet devices have in common as JavaScript objects: see NativeDevice in src/native/device.ts.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "device.h"
#include "node/args.h"
#include "node/errors.h"
#include "node/poller.h"

namespace potemkin {

// The base of a class that wraps a device of type D.
template <typename Self, typename D>
class DeviceWrap : public Napi::ObjectWrap<Self> {
 public:
  explicit DeviceWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Self>(info) {}
  ~DeviceWrap() override { CloseNow(); }

  void Own(std::unique_ptr<D> device) { device_ = std::move(device); }

 protected:
  using Property = Napi::ClassPropertyDescriptor<Self>;

  // The methods of every device, and some more.
  static std::vector<Property> Methods(std::initializer_list<Property> more = {}) {
    std::vector<Property> all = {
        Self::InstanceMethod("receive", &DeviceWrap::Receive),
        Self::InstanceMethod("send", &DeviceWrap::Send),
        Self::InstanceMethod("drops", &DeviceWrap::Drops),
        Self::InstanceMethod("onReadable", &DeviceWrap::OnReadable),
        Self::InstanceMethod("close", &DeviceWrap::Close),
    };
    all.insert(all.end(), more);
    return all;
  }

  D& Open(Napi::Env env) {
    if (!device_) throw Napi::Error::New(env, "the device is closed");
    return *device_;
  }

 private:
  Napi::Value Receive(const Napi::CallbackInfo& info) {
    D& device = Open(info.Env());
    const Packets packets = BorrowPackets(info[0]);
    const auto first = static_cast<uint32_t>(TakeInteger(info[1], "first", kRows));
    const auto max = static_cast<uint32_t>(TakeInteger(info[2], "max", kRows - first));
    const int rows = device.Receive(packets, first, max);
    if (poller_ != nullptr && rows > 0) poller_->Received(static_cast<uint32_t>(rows));
    return Napi::Number::New(info.Env(), rows);
  }

  Napi::Value Send(const Napi::CallbackInfo& info) {
    D& device = Open(info.Env());
    const Packets packets = BorrowPackets(info[0]);
    return Napi::Number::New(info.Env(), device.Send(packets, BorrowRows(packets, info[1], info[2])));
  }

  Napi::Value Drops(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(Open(info.Env()).Drops()));
  }

  void OnReadable(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    D& device = Open(env);
    if (!info[0].IsFunction()) throw Napi::TypeError::New(env, "callback must be a function");
    if (poller_ != nullptr) throw Napi::Error::New(env, "the device has a callback already");
    poller_ = Poller::Start(env, device.fd(), device.Room(), info[0].As<Napi::Function>());
  }

  void Close(const Napi::CallbackInfo& /*info*/) { CloseNow(); }

  void CloseNow() {
    if (poller_ != nullptr) poller_->Stop();
    device_.reset();
  }

  std::unique_ptr<D> device_;
  std::shared_ptr<Poller> poller_;
};

}  // namespace potemkin
