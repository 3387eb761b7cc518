// Any bytes as a frame of any link type.
#include "fuzz/input.h"
#include "link.h"

using namespace potemkin;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr uint32_t kTypes[] = {kLinkNull, kLinkEthernet, kLinkRawBsd, kLinkRawOpenBsd, kLinkRaw,
                                        kLinkLoop, kLinkSll,      kLinkIpv4,   kLinkSll2,       147};
  // A copy of exactly this size, so that a read beyond it is seen.
  const std::unique_ptr<uint8_t[]> frame(new uint8_t[size]);
  std::copy_n(data, size, frame.get());
  for (const uint32_t type : kTypes) {
    const Stripped found = strip(type, frame.get(), size);
    if (found.fault == Fault::kNone) REQUIRE(found.offset <= size);
    if (found.fault != Fault::kNone) REQUIRE(found.offset == 0);
    if (!knowsLink(type)) REQUIRE(found.fault == Fault::kNotIpv4);
  }
  return 0;
}
