// Node-API side of the copy-on-write memory pool.
#include <unistd.h>

#include "node/parts.h"

namespace potemkin {

void InitPagecow(Napi::Env env, Napi::Object exports) {
  exports.Set("pageSize", Napi::Number::New(env, static_cast<double>(::sysconf(_SC_PAGESIZE))));
}

}  // namespace potemkin
