// Calls JavaScript when a device is readable, on the event loop of the thread that made the poller.
//
// A wake-up costs as much as many packets, so a device that wakes us often, or with many, is left alone for a
// millisecond and then asked, again and again as long as that brings packets, like a network card whose
// interrupts are moderated: a lone packet is handled at once, a flood in batches.
#pragma once

#include <napi.h>
#include <uv.h>

#include <memory>
#include <optional>

namespace potemkin {

// Lives until its handle is closed, which the loop does some time after Stop; the environment's teardown
// stops it too.
class Poller {
 public:
  // Throws a JavaScript error if the descriptor cannot be polled. `room`: packets that the device can hold.
  static std::shared_ptr<Poller> Start(Napi::Env env, int fd, uint32_t room, const Napi::Function& callback);

  // To be told by whoever received packets in the callback.
  void Received(uint32_t packets) { received_ += packets; }

  // No callback follows, and the descriptor may be closed at once. May be called again.
  void Stop();

 private:
  Poller(Napi::Env env, uint32_t room, const Napi::Function& callback);
  static void OnEvent(uv_poll_t* handle, int status, int events);
  static void OnPauseEnd(uv_timer_t* timer);
  static void OnTeardown(napi_async_cleanup_hook_handle hook, void* data);
  static void OnClosed(uv_handle_t* handle);
  // Calls back, and begins a pause if one is due, else waits for the device. `must`: start to wait anew.
  void Call(bool must);
  // Whether the device should be left alone after the callback that just returned.
  bool NeedsPause();

  uv_poll_t poll_{};
  uv_timer_t pause_{};
  Napi::Env env_;
  Napi::FunctionReference callback_;
  std::optional<Napi::AsyncContext> context_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::shared_ptr<Poller> self_;
  const uint32_t many_;
  uint32_t received_ = 0;  // by the callback
  uint64_t now_ = 0;       // the millisecond …
  uint32_t wakes_ = 0;     // … and the wake-ups for few packets in it
  bool paused_ = false;
  int open_ = 0;  // handles not closed yet
  bool stopped_ = false;
};

}  // namespace potemkin
