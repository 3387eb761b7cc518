// System calls that failed, as errors of JavaScript.
#pragma once

#include <napi.h>
#include <uv.h>

#include <string>

#include "fd.h"

namespace potemkin {

// An Error with the code of errno and a message that says what was tried.
inline Napi::Error ToError(Napi::Env env, const IoError& error) {
  const std::string code = uv_err_name(-error.number);
  Napi::Error made = Napi::Error::New(env, code + ": " + uv_strerror(-error.number) + ", " + error.what());
  made.Set("code", Napi::String::New(env, code));
  return made;
}

// Runs a function that may throw IoError.
template <typename Function>
Napi::Value Try(Napi::Env env, Function&& function) {
  try {
    return function();
  } catch (const IoError& error) {
    throw ToError(env, error);
  }
}

}  // namespace potemkin
