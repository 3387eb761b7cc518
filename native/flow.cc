#include "flow.h"

#include <algorithm>
#include <stdexcept>

#include "protocol.h"

namespace potemkin {

namespace {

// Words of the table's header that are its user's.
enum User : size_t { kTurn, kPending, kTcpEstablished, kTcpTransitory, kUdpQuiet, kIcmpQuiet };

// Bytes that a row carries beyond its headers; of a later fragment none.
uint32_t dataOf(const Packets& packets, uint32_t row) {
  const uint32_t length = packets.length()[row], headers = packets.payload()[row];
  return packets.fragment()[row] > 1 || length <= headers ? 0 : length - headers;
}

void checkShape(const Table& table, const TableShape& shape) {
  if (table.keyWords() != shape.keyWords || table.valueWords() != shape.valueWords)
    throw std::invalid_argument("a table that is not the flow table's");
}

}  // namespace

// The bit of one of two ends.
constexpr uint32_t endBit(uint32_t bit, bool ofOpener) {
  return bit << (ofOpener ? 0 : 1);
}

inline TcpPhase FlowState::phase() const {
  const uint32_t fins = word / kFinSent & 3;
  if (has(kRstSent * 3) || fins == 3) return TcpPhase::kClosed;
  if (fins != 0) return TcpPhase::kClosing;
  return has(kEstablished) ? TcpPhase::kOpen : TcpPhase::kOpening;
}

inline void FlowState::see(uint8_t flags, bool fromOpener) {
  if ((flags & kRst) != 0) return set(endBit(kRstSent, fromOpener));
  if ((flags & kFin) != 0) set(endBit(kFinSent, fromOpener));
  if ((flags & kSyn) != 0) {
    if (!fromOpener) set(kAnswered);
  } else if ((flags & kAck) != 0) {
    set(endBit(kRstSent, fromOpener), false);
    if (fromOpener && has(kAnswered)) set(kEstablished);
  }
}

inline bool FlowState::seeData(uint32_t bytes, bool fromOpener) {
  const uint32_t sent = endBit(kData, fromOpener);
  if (bytes == 0 || has(sent)) return false;
  if (bytes >= kFirstData) set(sent);
  return true;
}

void Flows::configure(Table& flows, const FlowTimeouts& timeouts) {
  uint32_t* user = flows.header().user;
  user[kTcpEstablished] = timeouts.tcpEstablished;
  user[kTcpTransitory] = timeouts.tcpTransitory;
  user[kUdpQuiet] = timeouts.udp;
  user[kIcmpQuiet] = timeouts.icmp;
}

Flows::Flows(Table& flows, Table& fragments)
    : table_(flows), fragments_(fragments), pending_(flows.header().user[kPending]) {
  checkShape(flows, shape(1));
  checkShape(fragments, fragmentShape(1));
  const uint32_t* user = flows.header().user;
  turn_ = user[kTurn] & FlowState::kTurnMask;
  timeouts_ = {user[kTcpEstablished], user[kTcpTransitory], user[kUdpQuiet], user[kIcmpQuiet]};
  shortest_ = std::min({timeouts_.tcpEstablished, timeouts_.tcpTransitory, timeouts_.udp, timeouts_.icmp});
}

inline bool Flows::expired(uint32_t slot, uint32_t now) const {
  // So it is with nearly all that are looked up, and then it does not matter of what kind they are.
  if (!table_.older(slot, now, shortest_)) return false;
  const FlowEntry entry = at(slot);
  const FlowState held = entry.state();
  if (held.turn() == turn_) return false;
  uint32_t timeout = timeouts_.icmp;
  if (entry.proto() == kUdp) timeout = timeouts_.udp;
  if (entry.proto() == kTcp)
    timeout = held.phase() == TcpPhase::kOpen ? timeouts_.tcpEstablished : timeouts_.tcpTransitory;
  return table_.older(slot, now, timeout);
}

inline bool Flows::leaves(uint32_t slot, uint32_t now) {
  if (!expired(slot, now)) return false;
  if (at(slot).state().has(FlowState::kPending)) --pending_;
  return true;
}

void Flows::remove(uint32_t slot) {
  if (at(slot).state().has(FlowState::kPending)) --pending_;
  table_.remove(slot);
}

inline int32_t Flows::find(const FlowKey& key, uint64_t hash, int32_t likely, uint32_t now) {
  const int32_t slot = table_.find<kFlowKeyWords>(key.data(), hash, likely);
  if (slot == Table::kNone || !leaves(static_cast<uint32_t>(slot), now)) return slot;
  table_.remove(static_cast<uint32_t>(slot));
  ++table_.header().expired;
  return Table::kNone;
}

// Whether a flow gives way in a full table: it has been quiet for a moment, and is no open connection.
bool Flows::yields(uint32_t slot, uint32_t now) const {
  const FlowEntry entry = at(slot);
  const FlowState held = entry.state();
  const bool open = entry.proto() == kTcp && held.phase() == TcpPhase::kOpen;
  return !open && !held.has(FlowState::kPending) && held.turn() != turn_ && table_.older(slot, now, kSpared);
}

void Flows::reclaim(uint32_t now) {
  table_.reclaim([&](uint32_t slot) { return leaves(slot, now) || yields(slot, now); });
}

inline int32_t Flows::insert(const FlowKey& key, uint64_t hash, uint32_t now, From from) {
  if (table_.full()) reclaim(now);
  const uint32_t capacity = table_.header().capacity, reserve = from == From::kInside ? capacity / 4 : 0;
  const bool room = table_.header().live < capacity - reserve;
  const int32_t slot = room ? table_.insert<kFlowKeyWords, kEntryWords>(key.data(), hash) : Table::kNone;
  if (slot == Table::kNone) ++table_.header().refused;
  return slot;
}

// Makes an entry a flow that this packet opens. Its state is the caller's to store.
inline FlowState Flows::pend(FlowEntry entry, From from, bool fromHigh, uint32_t inUniverse, uint32_t now) {
  if (!entry.state().has(FlowState::kPending)) ++pending_;
  FlowState fresh{FlowState::kPending};
  fresh.setTurn(turn_);
  fresh.set(FlowState::kFromOutside, from == From::kOutside);
  fresh.set(FlowState::kOpenerHigh, fromHigh);
  entry.universe() = inUniverse;
  entry.decision() = 0;
  entry.opened() = entry.seen() = now;
  return fresh;
}

// Whether a clone calls its caller on the caller's own port. That is no answer: the caller's address may have
// been forged, and its owner would see somebody connect who was never contacted.
bool Flows::connectsBack(const Packets& packets, uint32_t row, const Subject& subject,
                         FlowEntry entry) const {
  const FlowState held = entry.state();
  const bool reopens = subject.opens() && held.closes();
  return held.has(FlowState::kFromOutside) && entry.proto() == kTcp && !subject.error() && !reopens &&
         (packets.tcpFlags()[row] & (kSyn | kAck)) == kSyn;
}

// Whether a packet of a clone is of another flow than that of an entry of key space 0, which is of the same
// clone and over: or is so from now on, since the clone begins anew what was closed.
inline bool Flows::supersedes(const Subject& subject, FlowEntry entry) {
  FlowState held = entry.state();
  if (held.has(FlowState::kOver)) return true;
  if (!subject.opens() || entry.proto() != kTcp || held.has(FlowState::kPending) || !held.closes())
    return false;
  held.set(FlowState::kOver);
  entry.store(held);
  return true;
}

template <Flows::From from>
inline Disposition Flows::one(const Packets& packets, uint32_t row, uint32_t now, const Probe& probe,
                              Found& found) {
  const Subject& subject = probe.subject;
  const uint32_t inUniverse = from == From::kInside ? probe.space : 0;
  if (!subject.some()) return Disposition::kStray;
  if constexpr (from == From::kInside) {
    // Without a universe a packet from inside has no key space of its own.
    if (inUniverse == 0) return Disposition::kStray;
    // A clone is no router: it has no errors to tell of packets that were for others.
    if (subject.key[subject.fromHigh() ? kHigh : kLow] != packets.src()[row]) return Disposition::kStray;
  }

  uint32_t bits = subject.error() ? kFlowError : 0;
  const FlowKey* key = &subject.key;
  uint64_t hash = probe.hashes[0];
  [[maybe_unused]] FlowKey inner;
  int32_t place = find(*key, hash, probe.likely[0], now);
  const auto entryOf = [this](int32_t place) { return at(static_cast<uint32_t>(place)); };
  // In key space 0 one end is outside and one a clone; who sends as the wrong one does not take part in the
  // flow.
  const bool takesPart = place != Table::kNone && (entryOf(place).state().outsideIsHigh() ==
                                                   subject.fromHigh()) == (from == From::kOutside);
  if constexpr (from == From::kOutside) {
    if (place != Table::kNone &&
        (!takesPart || (entryOf(place).state().has(FlowState::kOver) && !subject.opens())))
      return Disposition::kStray;
  } else {
    const bool mine = takesPart && entryOf(place).universe() == inUniverse;
    const bool over = mine && supersedes(subject, entryOf(place));
    if (!mine || over || connectsBack(packets, row, subject, entryOf(place))) {
      if (place != Table::kNone && !over) bits |= kFlowCollides;
      inner = subject.key;
      inner[kSpace] = inUniverse;
      key = &inner;
      hash = probe.hashes[1];
      place = find(*key, hash, probe.likely[1], now);
    }
  }

  const bool isNew = place == Table::kNone;
  if (isNew) {
    if (!subject.opens()) return Disposition::kStray;
    place = insert(*key, hash, now, from);
    if (place == Table::kNone) return Disposition::kFull;
  }
  const FlowEntry entry = entryOf(place);
  FlowState held = entry.state();
  const bool isTcp = subject.key[kProto] == kTcp, wasPending = held.has(FlowState::kPending);
  if (isNew || (!wasPending && subject.opens() && isTcp && held.closes())) {
    held = pend(entry, from, subject.fromHigh(), inUniverse, now);
  } else {
    // Nobody has decided about a pending flow yet, so only those may be in it who opened it.
    if (wasPending && (subject.error() || held.has(FlowState::kFromOutside) != (from == From::kOutside)))
      return Disposition::kStray;
    held.setTurn(turn_);
    held.set(FlowState::kKeep, false);
    if (!subject.error()) {
      if (isTcp) held.see(packets.tcpFlags()[row], subject.fromHigh() == held.has(FlowState::kOpenerHigh));
      entry.seen() = now;
    }
  }
  const bool fromOpener = subject.fromHigh() == held.has(FlowState::kOpenerHigh);
  const bool pending = held.has(FlowState::kPending);
  if (held.has(FlowState::kFromOutside)) bits |= kFlowFromOutside;
  if (!fromOpener) bits |= kFlowReply;
  if (!subject.error() && held.seeData(dataOf(packets, row), fromOpener)) bits |= kFlowData;
  if (!pending) bits |= kFlowKnown;
  entry.store(held);
  found.flow = static_cast<uint32_t>(place) + 1;
  found.state = static_cast<uint8_t>(bits);
  if (pending) return Disposition::kNew;
  found.verdict = static_cast<uint8_t>(held.verdict());
  found.decision = entry.decision();
  found.age = now - entry.opened();
  packets.universe()[row] = entry.universe();
  return Disposition::kKnown;
}

template <Flows::From from>
void Flows::classify(const Packets& packets, std::span<const uint16_t> rows, uint32_t now,
                     Disposition* result) {
  Probe probes[kStaged];
  const auto hash = [&](Probe& probe) {
    probe.hashes[0] = table_.hash<kFlowKeyWords>(probe.subject.key.data());
    table_.prefetch(probe.hashes[0]);
    if constexpr (from == From::kInside) {
      FlowKey key = probe.subject.key;
      key[kSpace] = probe.space;
      probe.hashes[1] = table_.hash<kFlowKeyWords>(key.data());
      table_.prefetch(probe.hashes[1]);
    }
  };
  const auto expect = [&](Probe& probe) {
    const bool opens = probe.subject.opens();
    probe.likely[0] = table_.likely(probe.hashes[0], opens && from == From::kOutside);
    if constexpr (from == From::kInside) probe.likely[1] = table_.likely(probe.hashes[1], opens);
  };
  staged(
      static_cast<uint32_t>(rows.size()),
      [&](uint32_t i) {
        Probe& probe = probes[i % kStaged];
        probe.space = from == From::kInside ? packets.universe()[rows[i]] : 0;
        // What later fragments are about is known once the rows before them are done.
        if (packets.fragment()[rows[i]] > 1) return;
        probe.subject = subjectOfRow(packets, rows[i]);
        hash(probe);
      },
      [&](uint32_t i) {
        if (packets.fragment()[rows[i]] <= 1) expect(probes[i % kStaged]);
      },
      [&](uint32_t i) {
        const uint16_t row = rows[i];
        const uint8_t fragment = packets.fragment()[row];
        Probe& probe = probes[i % kStaged];
        if (fragment > 1) {
          probe.subject = subjectOfFragment(packets, row, probe.space, now);
          hash(probe);
          expect(probe);
        }
        Found found{};
        result[i] = one<from>(packets, row, now, probe, found);
        packets.flow()[row] = found.flow;
        packets.flowState()[row] = found.state;
        packets.verdict()[row] = found.verdict;
        packets.decision()[row] = found.decision;
        packets.age()[row] = found.age;
        if (fragment == 1 && found.flow != 0 && !probe.subject.error())
          rememberFragment(packets, row, probe.space, now);
      });
}

void Flows::outside(const Packets& packets, std::span<const uint16_t> rows, uint32_t now,
                    Disposition* result) {
  classify<From::kOutside>(packets, rows, now, result);
}

void Flows::inside(const Packets& packets, std::span<const uint16_t> rows, uint32_t now,
                   Disposition* result) {
  classify<From::kInside>(packets, rows, now, result);
}

void Flows::nextTurn() {
  table_.header().user[kTurn] = (turn_ + 1) & FlowState::kTurnMask;
}

uint32_t Flows::sweep(uint32_t now, uint32_t budget) {
  return table_.sweep(budget, [&](uint32_t slot) { return leaves(slot, now); });
}

FlowCounts Flows::count() const {
  FlowCounts counts{};
  for (uint32_t slot = 0; slot < table_.slots(); ++slot) {
    if (!table_.holds(slot)) continue;
    const FlowEntry entry = at(slot);
    const FlowState held = entry.state();
    if (held.has(FlowState::kPending)) {
      ++counts.pending;
    } else if (entry.proto() == kUdp) {
      ++counts.udp;
    } else if (entry.proto() != kTcp) {
      ++counts.icmp;
    } else {
      uint32_t* const phases[] = {&counts.tcpOpening, &counts.tcpOpen, &counts.tcpClosing, &counts.tcpClosed};
      ++*phases[static_cast<size_t>(held.phase())];
    }
  }
  return counts;
}

}  // namespace potemkin
