// The end of a turn: which flows are kept, and on which side of the gateway.
#include "flow.h"

namespace potemkin {

namespace {

// Whether a row came from a clone. In key space 0 a packet goes the opener's way or back.
bool cameFromInside(uint8_t flowState, uint32_t space) {
  return space != 0 || ((flowState & kFlowFromOutside) != 0) == ((flowState & kFlowReply) != 0);
}

}  // namespace

// Marks a flow as kept if this row says so, and stores what the row says about it. Returns what may have to
// be done about it after that.
inline uint32_t Flows::keep(const Packets& packets, uint32_t row, FlowEntry entry) {
  FlowState held = entry.state();
  const uint8_t bits = packets.flowState()[row], verdict = packets.verdict()[row];
  const bool inside = cameFromInside(bits, entry.space());
  if (packets.clone()[row] == 0 && !(inside && verdict != 0)) return kMayEnd;
  const uint32_t claimed = packets.universe()[row];
  // It stays pending until all rows were heard: who was known before it was opened has no say about it, and
  // what a clone opened is in that clone's universe.
  const bool pending = held.has(FlowState::kPending), fromOutside = held.has(FlowState::kFromOutside);
  const bool first = pending && !held.has(FlowState::kKeep);
  if (pending && (bits & kFlowKnown) != 0) return kMayEnd;
  if (first && fromOutside) entry.universe() = claimed;
  if (claimed != entry.universe()) return kMayEnd;
  if (first || (inside && (!pending || held.verdict() == 0))) {
    held.setVerdict(verdict);
    entry.decision() = packets.decision()[row];
  }
  held.set(FlowState::kKeep);
  entry.store(held);
  return (fromOutside ? 0 : kMayMove) | (pending ? kMayEnd : 0);
}

// Whether an entry of key space 0 is of some universe, and over.
bool Flows::isOver(uint32_t slot, uint32_t universe) const {
  return at(slot).state().has(FlowState::kOver) && at(slot).universe() == universe;
}

// Moves a kept flow that a clone opened to the key space that its verdict calls for. The old entry stays for
// now, without its mark. False if the flow had to stay where it is, undecided.
bool Flows::move(uint32_t slot) {
  const FlowEntry entry = at(slot);
  FlowState held = entry.state();
  const bool forwarded = held.verdict() == static_cast<uint32_t>(Verdict::kForward);
  const uint32_t wanted = forwarded ? 0 : entry.universe();
  if (!held.has(FlowState::kKeep) || held.has(FlowState::kFromOutside) || entry.space() == wanted)
    return true;
  FlowKey key = entry.key();
  key[kSpace] = wanted;
  const uint64_t hash = table_.hash<kFlowKeyWords>(key.data());
  // Capacity is not in the way, because the old entry goes before the turn ends.
  int32_t moved = table_.find<kFlowKeyWords>(key.data(), hash);
  const bool taken = moved != Table::kNone;
  if (!taken) {
    moved = table_.insert<kFlowKeyWords, kEntryWords>(key.data(), hash);
  } else if (!forwarded || !isOver(static_cast<uint32_t>(moved), entry.universe())) {
    moved = Table::kNone;
  }
  if (moved == Table::kNone && forwarded) {
    held.setVerdict(static_cast<uint32_t>(Verdict::kUndecided));
    entry.store(held);
    return false;
  }
  if (moved != Table::kNone) {
    const FlowEntry to = at(static_cast<uint32_t>(moved));
    to.universe() = entry.universe();
    to.decision() = entry.decision();
    to.opened() = entry.opened();
    to.seen() = entry.seen();
    FlowState copy = held;
    copy.set(FlowState::kPending, false);
    // Rows of what was over may be to come, and have no say about what has taken its place.
    copy.set(FlowState::kKeep, taken);
    to.store(copy);
  }
  held.set(FlowState::kKeep, false);
  entry.store(held);
  return true;
}

uint32_t Flows::settle(const Packets& packets, std::span<const uint16_t> rows) {
  // An error about a flow says nothing of whether somebody wants it.
  const auto each = [&](auto&& work) {
    for (const uint16_t row : rows) {
      const uint32_t slot = packets.flow()[row] - 1;
      if (slot < table_.slots() && (packets.flowState()[row] & kFlowError) == 0 &&
          at(slot).state().turn() == turn_)
        work(row, slot);
    }
  };
  uint32_t left = 0, collisions = 0;
  // Nothing has been removed yet, so that no place needs to be asked whether it holds an entry. What is
  // written to one that holds none means nothing.
  each([&](uint32_t row, uint32_t slot) { left |= keep(packets, row, at(slot)); });
  nextTurn();
  // Most turns bring nothing but packets that clones take of flows that are known.
  if (left == 0) return 0;
  if ((left & kMayMove) != 0)
    each([&](uint32_t, uint32_t slot) { collisions += table_.holds(slot) && !move(slot); });
  // Removals come last: from the first of them on, a slot number may mean nothing.
  each([&](uint32_t, uint32_t slot) {
    if (!table_.holds(slot)) return;
    const FlowEntry entry = at(slot);
    FlowState held = entry.state();
    if (!held.has(FlowState::kKeep)) return remove(slot);
    pending_ -= held.has(FlowState::kPending);
    held.set(FlowState::kPending, false);
    entry.store(held);
  });
  return collisions;
}

}  // namespace potemkin
