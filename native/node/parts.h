// The parts of the addon. Each registers its functions and classes on exports.
#pragma once

#include <napi.h>

namespace potemkin {

void InitCapture(Napi::Env env, Napi::Object exports);
void InitClassify(Napi::Env env, Napi::Object exports);
void InitDescriptors(Napi::Env env, Napi::Object exports);
void InitDevice(Napi::Env env, Napi::Object exports);
void InitFlow(Napi::Env env, Napi::Object exports);
void InitGre(Napi::Env env, Napi::Object exports);
void InitHeld(Napi::Env env, Napi::Object exports);
void InitIp(Napi::Env env, Napi::Object exports);
void InitPagecow(Napi::Env env, Napi::Object exports);
void InitProcessMemory(Napi::Env env, Napi::Object exports);
void InitScans(Napi::Env env, Napi::Object exports);
void InitTable(Napi::Env env, Napi::Object exports);
void InitTally(Napi::Env env, Napi::Object exports);
void InitUniverseKeys(Napi::Env env, Napi::Object exports);
void InitWires(Napi::Env env, Napi::Object exports);

}  // namespace potemkin
