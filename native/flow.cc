#include "flow.h"

#include <stdexcept>

#include "protocol.h"

namespace potemkin {

namespace {

constexpr uint32_t kTurnMask = (1u << 12) - 1;

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

TcpPhase FlowState::phase() const {
  if (rstOpener || rstOther || (finOpener && finOther)) return TcpPhase::kClosed;
  if (finOpener || finOther) return TcpPhase::kClosing;
  return established ? TcpPhase::kOpen : TcpPhase::kOpening;
}

void FlowState::see(uint8_t flags, bool fromOpener) {
  const auto reset = [&](bool is) {
    if (fromOpener)
      rstOpener = is;
    else
      rstOther = is;
  };
  if ((flags & kRst) != 0) return reset(true);
  if ((flags & kFin) != 0) {
    if (fromOpener)
      finOpener = 1;
    else
      finOther = 1;
  }
  if ((flags & kSyn) != 0) {
    if (!fromOpener) answered = 1;
  } else if ((flags & kAck) != 0) {
    reset(false);
    if (fromOpener && answered) established = 1;
  }
}

bool FlowState::seeData(uint32_t bytes, bool fromOpener) {
  if (bytes == 0 || (fromOpener ? dataOpener : dataOther) != 0) return false;
  if (bytes < kFirstData) return true;
  if (fromOpener)
    dataOpener = 1;
  else
    dataOther = 1;
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
  turn_ = user[kTurn] & kTurnMask;
  timeouts_ = {user[kTcpEstablished], user[kTcpTransitory], user[kUdpQuiet], user[kIcmpQuiet]};
}

bool Flows::expired(uint32_t slot, uint32_t now) const {
  const FlowState held = state(slot);
  if (held.turn == turn_) return false;
  uint32_t timeout = timeouts_.icmp;
  if (proto(slot) == kUdp) timeout = timeouts_.udp;
  if (proto(slot) == kTcp)
    timeout = held.phase() == TcpPhase::kOpen ? timeouts_.tcpEstablished : timeouts_.tcpTransitory;
  return table_.older(slot, now, timeout);
}

bool Flows::leaves(uint32_t slot, uint32_t now) {
  if (!expired(slot, now)) return false;
  if (state(slot).pending) --pending_;
  return true;
}

void Flows::remove(uint32_t slot) {
  if (state(slot).pending) --pending_;
  table_.remove(slot);
}

int32_t Flows::find(const FlowKey& key, uint64_t hash, uint32_t now) {
  const int32_t slot = table_.find<kFlowKeyWords>(key.data(), hash);
  if (slot == Table::kNone || !leaves(static_cast<uint32_t>(slot), now)) return slot;
  table_.remove(static_cast<uint32_t>(slot));
  ++table_.header().expired;
  return Table::kNone;
}

// Whether a flow gives way in a full table: it has been quiet for a moment, and is no open connection.
bool Flows::yields(uint32_t slot, uint32_t now) const {
  const FlowState held = state(slot);
  const bool open = proto(slot) == kTcp && held.phase() == TcpPhase::kOpen;
  return !open && !held.pending && held.turn != turn_ && table_.older(slot, now, kSpared);
}

int32_t Flows::insert(const FlowKey& key, uint64_t hash, uint32_t now, From from) {
  table_.reclaim(hash, [&](uint32_t slot) { return leaves(slot, now) || yields(slot, now); });
  const uint32_t capacity = table_.header().capacity, reserve = from == From::kInside ? capacity / 4 : 0;
  const bool room = table_.header().live < capacity - reserve;
  const int32_t slot = room ? table_.insert(key.data(), hash) : Table::kNone;
  if (slot == Table::kNone) ++table_.header().refused;
  return slot;
}

// Makes an entry a flow that this packet opens.
void Flows::pend(uint32_t slot, From from, bool fromHigh, uint32_t inUniverse, uint32_t now) {
  if (!state(slot).pending) ++pending_;
  FlowState fresh{};
  fresh.pending = 1;
  fresh.turn = turn_ & kTurnMask;
  fresh.fromOutside = from == From::kOutside;
  fresh.openerHigh = fromHigh;
  store(slot, fresh);
  universe(slot) = inUniverse;
  decision(slot) = 0;
  opened(slot) = table_.seen(slot) = now;
}

// Whether a clone calls its caller on the caller's own port. That is no answer: the caller's address may have
// been forged, and its owner would see somebody connect who was never contacted.
bool Flows::connectsBack(const Packets& packets, uint32_t row, const Subject& subject, uint32_t slot) const {
  const FlowState held = state(slot);
  const bool reopens = subject.opens && held.phase() >= TcpPhase::kClosing;
  return held.fromOutside && proto(slot) == kTcp && !subject.error && !reopens &&
         (packets.tcpFlags()[row] & (kSyn | kAck)) == kSyn;
}

template <Flows::From from>
Disposition Flows::one(const Packets& packets, uint32_t row, uint32_t now, const Probe& probe) {
  const Subject& subject = probe.subject;
  packets.flow()[row] = 0;
  packets.flowState()[row] = 0;
  packets.verdict()[row] = 0;
  packets.decision()[row] = packets.age()[row] = 0;
  const uint32_t inUniverse = from == From::kInside ? packets.universe()[row] : 0;
  if (!subject.some) return Disposition::kStray;
  if constexpr (from == From::kInside) {
    // Without a universe a packet from inside has no key space of its own.
    if (inUniverse == 0) return Disposition::kStray;
    // A clone is no router: it has no errors to tell of packets that were for others.
    if (subject.key[subject.fromHigh ? kHigh : kLow] != packets.src()[row]) return Disposition::kStray;
  }

  uint8_t bits = subject.error ? kFlowError : 0;
  FlowKey key = subject.key;
  uint64_t hash = probe.hashes[0];
  int32_t found = find(key, hash, now);
  // In key space 0 one end is outside and one a clone; who sends as the wrong one does not take part in the
  // flow.
  const bool takesPart = found != Table::kNone && (state(static_cast<uint32_t>(found)).outsideIsHigh() ==
                                                   subject.fromHigh) == (from == From::kOutside);
  if constexpr (from == From::kOutside) {
    if (found != Table::kNone && !takesPart) return Disposition::kStray;
  } else if (!takesPart || universe(static_cast<uint32_t>(found)) != inUniverse ||
             connectsBack(packets, row, subject, static_cast<uint32_t>(found))) {
    if (found != Table::kNone) bits |= kFlowCollides;
    key[kSpace] = inUniverse;
    hash = probe.hashes[1];
    found = find(key, hash, now);
  }

  const auto report = [&](uint32_t slot) {
    FlowState held = state(slot);
    if (held.fromOutside) bits |= kFlowFromOutside;
    if (subject.fromHigh != held.openerHigh) bits |= kFlowReply;
    if (!subject.error && held.seeData(dataOf(packets, row), subject.fromHigh == held.openerHigh)) {
      bits |= kFlowData;
      store(slot, held);
    }
    packets.flow()[row] = slot + 1;
    packets.flowState()[row] = bits;
    return Disposition::kNew;
  };
  if (found == Table::kNone) {
    if (!subject.opens) return Disposition::kStray;
    found = insert(key, hash, now, from);
    if (found == Table::kNone) return Disposition::kFull;
    pend(static_cast<uint32_t>(found), from, subject.fromHigh, inUniverse, now);
    return report(static_cast<uint32_t>(found));
  }

  const auto slot = static_cast<uint32_t>(found);
  FlowState held = state(slot);
  if (held.pending) {
    // Nobody has decided about the flow yet, so only those may be in it who opened it.
    if (subject.error || held.fromOutside != (from == From::kOutside)) return Disposition::kStray;
  } else if (subject.opens && key[kProto] == kTcp && held.phase() >= TcpPhase::kClosing) {
    pend(slot, from, subject.fromHigh, inUniverse, now);
    return report(slot);
  }
  held.turn = turn_ & kTurnMask;
  held.keep = 0;
  if (!subject.error) {
    if (key[kProto] == kTcp) held.see(packets.tcpFlags()[row], subject.fromHigh == held.openerHigh);
    table_.seen(slot) = now;
  }
  store(slot, held);
  if (held.pending) return report(slot);
  bits |= kFlowKnown;
  report(slot);
  packets.verdict()[row] = static_cast<uint8_t>(held.verdict);
  packets.decision()[row] = decision(slot);
  packets.age()[row] = now - opened(slot);
  packets.universe()[row] = universe(slot);
  return Disposition::kKnown;
}

template <Flows::From from>
void Flows::classify(const Packets& packets, std::span<const uint16_t> rows, uint32_t now,
                     Disposition* result) {
  Probe probes[kStaged];
  const auto space = [&](uint32_t row) { return from == From::kInside ? packets.universe()[row] : 0; };
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
  staged(
      static_cast<uint32_t>(rows.size()),
      [&](uint32_t i) {
        Probe& probe = probes[i % kStaged];
        probe.space = space(rows[i]);
        // What later fragments are about is known once the rows before them are done.
        if (packets.fragment()[rows[i]] > 1) return;
        probe.subject = subjectOfRow(packets, rows[i]);
        hash(probe);
      },
      [&](uint32_t i) {
        const Probe& probe = probes[i % kStaged];
        if (packets.fragment()[rows[i]] > 1) return;
        if constexpr (from == From::kInside) table_.prefetchEntry(probe.hashes[0]);
        const uint64_t last = probe.hashes[from == From::kInside ? 1 : 0];
        if (probe.subject.opens)
          table_.prefetchPlace(last);
        else
          table_.prefetchEntry(last);
      },
      [&](uint32_t i) {
        const uint16_t row = rows[i];
        Probe& probe = probes[i % kStaged];
        if (packets.fragment()[row] > 1) {
          probe.subject = subjectOfFragment(packets, row, probe.space, now);
          hash(probe);
        }
        result[i] = one<from>(packets, row, now, probe);
        if (packets.fragment()[row] == 1 && packets.flow()[row] != 0 && !probe.subject.error)
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
  table_.header().user[kTurn] = (turn_ + 1) & kTurnMask;
}

uint32_t Flows::sweep(uint32_t now, uint32_t budget) {
  return table_.sweep(budget, [&](uint32_t slot) { return leaves(slot, now); });
}

FlowCounts Flows::count() const {
  FlowCounts counts{};
  for (uint32_t slot = 0; slot < table_.slots(); ++slot) {
    if (!table_.holds(slot)) continue;
    const FlowState held = state(slot);
    if (held.pending) {
      ++counts.pending;
    } else if (proto(slot) == kUdp) {
      ++counts.udp;
    } else if (proto(slot) != kTcp) {
      ++counts.icmp;
    } else {
      uint32_t* const phases[] = {&counts.tcpOpening, &counts.tcpOpen, &counts.tcpClosing, &counts.tcpClosed};
      ++*phases[static_cast<size_t>(held.phase())];
    }
  }
  return counts;
}

}  // namespace potemkin
