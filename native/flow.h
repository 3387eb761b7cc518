// The flow table: which flow each packet belongs to, in which universe, and what was decided about it.
//
// One entry serves both directions of a flow. Key space 0 holds exactly the flows in which the outside takes
// part: those it opened, and those a clone opened that policy forwards. All others are in the key space of
// their universe.
//
// A turn is: outside() and inside() as often as there are batches, then settle() once with all of their rows.
// A new flow is pending until then. Entries that a row of the turn refers to are never removed before
// settle(), so no slot changes its owner within a turn.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "columns.h"
#include "flow_key.h"
#include "table.h"

namespace potemkin {

// Seconds a flow may be quiet: RFC 5382 has the terms for TCP. Transitory is all that is not open both ways.
struct FlowTimeouts {
  uint32_t tcpEstablished, tcpTransitory, udp, icmp;
};

// Flows by state, for people.
struct FlowCounts {
  uint32_t pending, tcpOpening, tcpOpen, tcpClosing, tcpClosed, udp, icmp;
};

enum class TcpPhase { kOpening, kOpen, kClosing, kClosed };

// Words of an entry's value: its universe, its state, what policy decided about it, and when it was opened.
inline constexpr uint32_t kValueWords = 4;

// The second of them.
struct FlowState {
  uint32_t verdict : 8;
  uint32_t turn : 12;  // in which it was last referred to
  uint32_t pending : 1;
  uint32_t keep : 1;  // used within settle()
  uint32_t fromOutside : 1;
  uint32_t openerHigh : 1;                 // the opener is the high end of the key
  uint32_t dataOpener : 1, dataOther : 1;  // whether that end has sent its first data
  // TCP. Sequence numbers are not tracked: a RST counts until the end it came from goes on with the
  // connection, so a forged one shortens the flow's timeout but does not cut it.
  uint32_t answered : 1, established : 1;
  uint32_t finOpener : 1, finOther : 1;
  uint32_t rstOpener : 1, rstOther : 1;

  TcpPhase phase() const;
  void see(uint8_t tcpFlags, bool fromOpener);
  // Whether so many bytes of an end are its first data, or come before it.
  bool seeData(uint32_t bytes, bool fromOpener);
  // The end that is not a clone, of a flow in key space 0.
  bool outsideIsHigh() const { return fromOutside == openerHigh; }
};
static_assert(sizeof(FlowState) == 4);

// Borrows the two tables for the length of a call.
class Flows {
 public:
  static constexpr TableShape shape(uint32_t capacity) { return {kFlowKeyWords, kValueWords, capacity}; }
  static constexpr TableShape fragmentShape(uint32_t capacity) { return {4, 1, capacity}; }
  static constexpr uint32_t kFragmentTimeout = 30;  // seconds
  // Seconds that a flow which is no open TCP connection is spared when the table is full.
  static constexpr uint32_t kSpared = 2;
  static void configure(Table& flows, const FlowTimeouts& timeouts);

  // Both throw std::invalid_argument if a table is not of its shape.
  Flows(Table& flows, Table& fragments);

  // Rows below kRows that came from the Internet, or from clones, with the parse columns filled in; now in
  // seconds. Sets flow, flowState, verdict, decision, age, and where the flow is known universe. Disposition
  // i is that of row i.
  void outside(const Packets& packets, std::span<const uint16_t> rows, uint32_t now, Disposition* result);
  void inside(const Packets& packets, std::span<const uint16_t> rows, uint32_t now, Disposition* result);

  // Ends the turn: see src/packet/flows.ts. Returns how many flows could not be moved to key space 0.
  uint32_t settle(const Packets& packets, std::span<const uint16_t> rows);

  uint32_t sweep(uint32_t now, uint32_t budget);
  FlowCounts count() const;

 private:
  enum class From { kOutside, kInside };
  // A row on its way through a batch. The subject's key is in space 0; hashes are in that and the row's own.
  struct Probe {
    Subject subject;
    uint32_t space;
    uint64_t hashes[2];
  };

  FlowState state(uint32_t slot) const { return std::bit_cast<FlowState>(table_.value(slot)[1]); }
  void store(uint32_t slot, FlowState state) { table_.value(slot)[1] = std::bit_cast<uint32_t>(state); }
  uint32_t& universe(uint32_t slot) { return table_.value(slot)[0]; }
  // Export policy's own word about the flow, which nothing here interprets.
  uint32_t& decision(uint32_t slot) { return table_.value(slot)[2]; }
  uint32_t& opened(uint32_t slot) { return table_.value(slot)[3]; }
  uint32_t space(uint32_t slot) const { return table_.entry(slot)[kSpace]; }
  uint32_t proto(uint32_t slot) const { return table_.entry(slot)[kProto]; }

  template <From from>
  void classify(const Packets& packets, std::span<const uint16_t> rows, uint32_t now, Disposition* result);
  template <From from>
  Disposition one(const Packets& packets, uint32_t row, uint32_t now, const Probe& probe);

  bool expired(uint32_t slot, uint32_t now) const;
  // For Table: whether an entry has expired, and then takes it out of the count of pending ones.
  bool leaves(uint32_t slot, uint32_t now);
  void remove(uint32_t slot);
  int32_t find(const FlowKey& key, uint64_t hash, uint32_t now);
  bool yields(uint32_t slot, uint32_t now) const;
  // Clones get no more than three quarters of the table, so that the outside can always open a flow.
  int32_t insert(const FlowKey& key, uint64_t hash, uint32_t now, From from);
  bool connectsBack(const Packets& packets, uint32_t row, const Subject& subject, uint32_t slot) const;
  void pend(uint32_t slot, From from, bool fromHigh, uint32_t inUniverse, uint32_t now);

  Subject subjectOfFragment(const Packets& packets, uint32_t row, uint32_t inSpace, uint32_t now);
  void rememberFragment(const Packets& packets, uint32_t row, uint32_t inSpace, uint32_t now);

  bool referred(uint32_t slot) const {
    return slot < table_.slots() && table_.holds(slot) && state(slot).turn == turn_;
  }
  bool keep(const Packets& packets, uint32_t row, uint32_t slot);
  bool move(uint32_t slot);
  void nextTurn();

  Table& table_;
  Table& fragments_;
  uint32_t turn_;
  uint32_t& pending_;
  FlowTimeouts timeouts_;
};

}  // namespace potemkin
