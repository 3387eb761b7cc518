// The addon's entry. Each part of native/ has its Node-API side in a file of the same name in this folder and
// is registered here. There is no global state, so every worker thread may load its own instance.
#include <napi.h>

#include "node/parts.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  potemkin::InitCapture(env, exports);
  potemkin::InitClassify(env, exports);
  potemkin::InitDescriptors(env, exports);
  potemkin::InitDevice(env, exports);
  potemkin::InitFlow(env, exports);
  potemkin::InitGre(env, exports);
  potemkin::InitHeld(env, exports);
  potemkin::InitIp(env, exports);
  potemkin::InitPagecow(env, exports);
  potemkin::InitProcessMemory(env, exports);
  potemkin::InitScans(env, exports);
  potemkin::InitTable(env, exports);
  potemkin::InitTally(env, exports);
  potemkin::InitUniverseKeys(env, exports);
  potemkin::InitWires(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(potemkin, Init)
