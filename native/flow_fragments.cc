// Fragments: later ones follow the flow of their datagram's first one.
#include "flow.h"

namespace potemkin {

// Later fragments have no ports: those of the datagram's first one stand in for them.
Subject Flows::subjectOfFragment(const Packets& packets, uint32_t row, uint32_t inSpace, uint32_t now) {
  uint16_t id;
  if (!identification(packets, row, id)) return {};
  Tuple tuple{packets.src()[row], packets.dst()[row], 0, 0, packets.proto()[row]};
  const uint32_t key[] = {tuple.src, tuple.dst, uint32_t{id} << 16 | tuple.proto, inSpace};
  int32_t slot;
  if (fragments_.lookup(key, 1, now, kFragmentTimeout, &slot) == 0) return {};
  const uint32_t ports = *fragments_.value(static_cast<uint32_t>(slot));
  tuple.sport = static_cast<uint16_t>(ports >> 16);
  tuple.dport = static_cast<uint16_t>(ports);
  return subjectOf(tuple);
}

void Flows::rememberFragment(const Packets& packets, uint32_t row, uint32_t inSpace, uint32_t now) {
  uint16_t id;
  if (!identification(packets, row, id)) return;
  const uint32_t key[] = {packets.src()[row], packets.dst()[row], uint32_t{id} << 16 | packets.proto()[row],
                          inSpace};
  int32_t slot;
  uint8_t fresh;
  fragments_.upsert(key, 1, now, kFragmentTimeout, WhenFull::kForgetOldest, &slot, &fresh);
  if (slot == Table::kNone) return;
  *fragments_.value(static_cast<uint32_t>(slot)) =
      uint32_t{packets.sport()[row]} << 16 | packets.dport()[row];
}

}  // namespace potemkin
