// The parts of the addon. Each registers its functions and classes on exports.
#pragma once

#include <napi.h>

namespace potemkin {

void InitDevice(Napi::Env env, Napi::Object exports);
void InitFlow(Napi::Env env, Napi::Object exports);
void InitPagecow(Napi::Env env, Napi::Object exports);
void InitTable(Napi::Env env, Napi::Object exports);

}  // namespace potemkin
