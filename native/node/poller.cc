#include "node/poller.h"

#include <string>

namespace potemkin {

namespace {

// Wake-ups for fewer than kFew packets that a device may cause in a millisecond. Whoever brings more is left
// alone at once, unless they fill a good part of its room: as many come in the next millisecond.
constexpr uint32_t kWakes = 4;
constexpr uint32_t kFew = 64;
constexpr uint32_t kPart = 4;
// Packets that a pause must bring for another to follow.
constexpr uint32_t kWorth = 4;

}  // namespace

Poller::Poller(Napi::Env env, uint32_t room, const Napi::Function& callback)
    : env_(env),
      callback_(Napi::Persistent(callback)),
      context_(std::in_place, env, "potemkin:poller"),
      many_(room / kPart) {}

std::shared_ptr<Poller> Poller::Start(Napi::Env env, int fd, uint32_t room, const Napi::Function& callback) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) throw Napi::Error::New(env, "there is no event loop");
  const std::shared_ptr<Poller> poller(new Poller(env, room, callback));
  poller->poll_.data = poller->pause_.data = poller.get();
  const int failed = uv_poll_init(loop, &poller->poll_, fd);
  if (failed != 0) throw Napi::Error::New(env, std::string("cannot poll the device: ") + uv_strerror(failed));
  uv_timer_init(loop, &poller->pause_);
  poller->open_ = 2;
  poller->self_ = poller;
  napi_add_async_cleanup_hook(env, OnTeardown, poller.get(), &poller->hook_);
  uv_poll_start(&poller->poll_, UV_READABLE, OnEvent);
  return poller;
}

void Poller::Stop() {
  if (stopped_) return;
  stopped_ = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&pause_), OnClosed);
}

void Poller::Call(bool must) {
  received_ = 0;
  {
    const Napi::HandleScope scope(env_);
    const napi_status status =
        napi_make_callback(env_, *context_, env_.Global(), callback_.Value(), 0, nullptr, nullptr);
    napi_value error;
    // A thread that is being terminated has no exception to report.
    if (status == napi_pending_exception && napi_get_and_clear_last_exception(env_, &error) == napi_ok) {
      napi_fatal_exception(env_, error);
    }
  }
  if (stopped_) return;
  const bool pause = NeedsPause();
  if (pause) {
    if (!paused_) uv_poll_stop(&poll_);
    uv_timer_start(&pause_, OnPauseEnd, 1, 0);
  } else if (paused_ || must) {
    uv_poll_start(&poll_, UV_READABLE, OnEvent);
  }
  paused_ = pause;
}

bool Poller::NeedsPause() {
  if (received_ >= many_) return false;
  if (paused_) return received_ >= kWorth;
  if (received_ >= kFew) return true;
  const uint64_t now = uv_now(poll_.loop);
  if (now != now_) wakes_ = 0;
  now_ = now;
  return ++wakes_ >= kWakes;
}

void Poller::OnEvent(uv_poll_t* handle, int status, int /*events*/) {
  // libuv stops polling a descriptor that is in error. The callback asks the device for the error, which
  // clears it, and packets that are left come next.
  static_cast<Poller*>(handle->data)->Call(status < 0);
}

void Poller::OnPauseEnd(uv_timer_t* timer) {
  static_cast<Poller*>(timer->data)->Call(false);
}

void Poller::OnTeardown(napi_async_cleanup_hook_handle /*hook*/, void* data) {
  static_cast<Poller*>(data)->Stop();
}

void Poller::OnClosed(uv_handle_t* handle) {
  auto* poller = static_cast<Poller*>(handle->data);
  if (--poller->open_ != 0) return;
  const std::shared_ptr<Poller> self = std::move(poller->self_);
  poller->callback_.Reset();
  poller->context_.reset();
  // The environment waits for this.
  napi_remove_async_cleanup_hook(poller->hook_);
}

}  // namespace potemkin
