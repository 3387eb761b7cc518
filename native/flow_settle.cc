// The end of a turn: which flows are kept, and on which side of the gateway.
#include "flow.h"

namespace potemkin {

namespace {

// Whether a row came from a clone. In key space 0 a packet goes the opener's way or back.
bool cameFromInside(uint8_t flowState, uint32_t space) {
  return space != 0 || ((flowState & kFlowFromOutside) != 0) == ((flowState & kFlowReply) != 0);
}

}  // namespace

// Marks a flow as kept if this row says so, and stores what the row says about it. False if more may have to
// be done about the flow.
bool Flows::keep(const Packets& packets, uint32_t row, uint32_t slot) {
  FlowState held = state(slot);
  const uint8_t bits = packets.flowState()[row], verdict = packets.verdict()[row];
  const bool inside = cameFromInside(bits, space(slot));
  if (packets.clone()[row] == 0 && !(inside && verdict != 0)) return false;
  const uint32_t claimed = packets.universe()[row];
  // It stays pending until all rows were heard: who was known before it was opened has no say about it, and
  // what a clone opened is in that clone's universe.
  const bool first = held.pending && !held.keep;
  if (held.pending && (bits & kFlowKnown) != 0) return false;
  if (first && held.fromOutside) universe(slot) = claimed;
  if (claimed != universe(slot)) return false;
  if (first || (inside && (!held.pending || held.verdict == 0))) {
    held.verdict = verdict;
    decision(slot) = packets.decision()[row];
  }
  held.keep = 1;
  store(slot, held);
  return held.fromOutside && !held.pending;
}

// Moves a kept flow that a clone opened to the key space that its verdict calls for. The old entry stays for
// now, without its mark. False if the flow had to stay where it is, undecided.
bool Flows::move(uint32_t slot) {
  FlowState held = state(slot);
  const bool forwarded = held.verdict == static_cast<uint32_t>(Verdict::kForward);
  const uint32_t wanted = forwarded ? 0 : universe(slot);
  if (!held.keep || held.fromOutside || space(slot) == wanted) return true;
  FlowKey key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = table_.entry(slot)[i];
  key[kSpace] = wanted;
  const uint64_t hash = table_.hash<kFlowKeyWords>(key.data());
  const bool taken = table_.find<kFlowKeyWords>(key.data(), hash) != Table::kNone;
  // Capacity is not in the way, because the old entry goes before the turn ends.
  const int32_t moved = taken ? Table::kNone : table_.insert(key.data(), hash);
  if (moved == Table::kNone && forwarded) {
    held.verdict = static_cast<uint32_t>(Verdict::kUndecided);
    store(slot, held);
    return false;
  }
  if (moved != Table::kNone) {
    const auto to = static_cast<uint32_t>(moved);
    universe(to) = universe(slot);
    decision(to) = decision(slot);
    opened(to) = opened(slot);
    table_.seen(to) = table_.seen(slot);
    FlowState copy = held;
    copy.keep = copy.pending = 0;
    store(to, copy);
  }
  held.keep = 0;
  store(slot, held);
  return true;
}

uint32_t Flows::settle(const Packets& packets, std::span<const uint16_t> rows) {
  // An error about a flow says nothing of whether somebody wants it.
  const auto each = [&](auto&& work) {
    for (const uint16_t row : rows) {
      const uint32_t flow = packets.flow()[row];
      if (flow != 0 && (packets.flowState()[row] & kFlowError) == 0 && referred(flow - 1))
        work(row, flow - 1);
    }
  };
  uint32_t collisions = 0;
  bool done = true;
  each([&](uint32_t row, uint32_t slot) { done &= keep(packets, row, slot); });
  nextTurn();
  // Most turns bring nothing but packets that clones take of flows that are known.
  if (done) return 0;
  each([&](uint32_t, uint32_t slot) { collisions += !move(slot); });
  // Removals come last: from the first of them on, a slot number may mean nothing.
  each([&](uint32_t, uint32_t slot) {
    FlowState held = state(slot);
    if (!held.keep) return remove(slot);
    pending_ -= held.pending;
    held.pending = 0;
    store(slot, held);
  });
  return collisions;
}

}  // namespace potemkin
