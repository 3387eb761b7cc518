// TUN devices: a network interface whose other side is this process. See Documentation/networking/tuntap.rst
// in Linux.
#pragma once

#include <memory>
#include <string>

#include "device.h"

namespace potemkin {

// Makes the interface (or attaches to a persistent one) in the calling thread's network namespace. What the
// kernel routes to it is received; what is sent arrives in the kernel from it. It goes when the device is
// closed.
std::unique_ptr<Device> OpenTun(const std::string& name);

}  // namespace potemkin
