// Spreads packets over several receivers, each of which takes its share of the addresses inside.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace potemkin {

struct Share {
  uint32_t worker;   // which of …
  uint32_t workers;  // … so many; 1 takes all
};

// Appends, to a filter that has found an IPv4 packet behind `link` bytes of link-layer header, the rest of
// it: it accepts the packet if it belongs to this share, and ends the program. What counts is the destination
// of the packet inside a GRE packet, else the destination. GRE in which no packet can be found is the first
// worker's. src/packet/spread.ts says the same.
void AppendShare(std::vector<sock_filter>& code, const Share& share, uint32_t link);

}  // namespace potemkin
