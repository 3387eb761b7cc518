// Calls JavaScript when a device is readable, on the event loop of the thread that made the poller.
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
  // Throws a JavaScript error if the descriptor cannot be polled.
  static std::shared_ptr<Poller> Start(Napi::Env env, int fd, const Napi::Function& callback);

  // No callback follows, and the descriptor may be closed at once. May be called again.
  void Stop();

 private:
  Poller(Napi::Env env, const Napi::Function& callback);
  static void OnEvent(uv_poll_t* handle, int status, int events);
  static void OnTeardown(napi_async_cleanup_hook_handle hook, void* data);
  static void OnClosed(uv_handle_t* handle);
  void Call();

  uv_poll_t handle_{};
  Napi::Env env_;
  Napi::FunctionReference callback_;
  std::optional<Napi::AsyncContext> context_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::shared_ptr<Poller> self_;
  bool stopped_ = false;
};

}  // namespace potemkin
