// The flow table: which flow each packet belongs to, in which universe, and what was decided about it.
//
// One entry serves both directions of a flow. Key space 0 holds exactly the flows in which the outside takes
// part: those it opened, and those a clone opened that policy forwards. All others are in the key space of
// their universe. A connection of key space 0 that has been closed, and whose clone begins another one on the
// same ports, stays there as what is over, so that nobody else has its ports meanwhile; the new one is of the
// universe until policy forwards it, and then takes its place.
//
// A turn is: outside() and inside() as often as there are batches, then settle() once with all of their rows.
// A new flow is pending until then. Entries that a row of the turn refers to are never removed before
// settle(), so no slot changes its owner within a turn.
#pragma once

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

// What an entry says about its flow, in one word.
struct FlowState {
  // The verdict is in the low bits; above it the turn in which the flow was last referred to, of 12 bits.
  static constexpr uint32_t kVerdictMask = 0x7f;
  static constexpr uint32_t kOver = 1u << 7;  // its clone goes on by another flow
  static constexpr uint32_t kTurnShift = 8, kTurnMask = (1u << 12) - 1;
  static constexpr uint32_t kPending = 1u << 20;
  static constexpr uint32_t kKeep = 1u << 21;  // used within settle()
  static constexpr uint32_t kFromOutside = 1u << 22;
  static constexpr uint32_t kOpenerHigh = 1u << 23;  // the opener is the high end of the key
  // Of two ends the opener has this bit and the other one the next: whether it has sent its first data.
  static constexpr uint32_t kData = 1u << 24;
  // TCP. Sequence numbers are not tracked: a RST counts until the end it came from goes on with the
  // connection, so a forged one shortens the flow's timeout but does not cut it.
  static constexpr uint32_t kAnswered = 1u << 26, kEstablished = 1u << 27;
  static constexpr uint32_t kFinSent = 1u << 28, kRstSent = 1u << 30;  // two of each, as of kData

  uint32_t word;

  bool has(uint32_t bit) const { return (word & bit) != 0; }
  void set(uint32_t bit, bool on = true) { word = on ? word | bit : word & ~bit; }
  uint32_t verdict() const { return word & kVerdictMask; }
  void setVerdict(uint32_t verdict) { word = (word & ~kVerdictMask) | (verdict & kVerdictMask); }
  uint32_t turn() const { return word >> kTurnShift & kTurnMask; }
  void setTurn(uint32_t turn) { word = (word & ~(kTurnMask << kTurnShift)) | turn << kTurnShift; }

  TcpPhase phase() const;
  // Whether the phase is that of closing or a later one.
  bool closes() const { return has((kFinSent | kRstSent) * 3); }
  void see(uint8_t tcpFlags, bool fromOpener);
  // Whether so many bytes of an end are its first data, or come before it.
  bool seeData(uint32_t bytes, bool fromOpener);
  // The end that is not a clone, of a flow in key space 0.
  bool outsideIsHigh() const { return has(kFromOutside) == has(kOpenerHigh); }
};

inline constexpr uint32_t kValueWords = 4, kEntryWords = kFlowKeyWords + 1 + kValueWords;

// An entry of the flow table. The decision is export policy's own word, which nothing here interprets.
class FlowEntry {
 public:
  explicit FlowEntry(uint32_t* words) : words_(words) {}
  uint32_t proto() const { return words_[kProto]; }
  uint32_t space() const { return words_[kSpace]; }
  uint32_t& seen() const { return words_[kFlowKeyWords]; }
  uint32_t& universe() const { return words_[kFlowKeyWords + 1]; }
  FlowState state() const { return {words_[kFlowKeyWords + 2]}; }
  void store(FlowState state) const { words_[kFlowKeyWords + 2] = state.word; }
  uint32_t& decision() const { return words_[kFlowKeyWords + 3]; }
  uint32_t& opened() const { return words_[kFlowKeyWords + 4]; }
  FlowKey key() const {
    return {words_[kLow], words_[kHigh], words_[kPorts], words_[kProto], words_[kSpace]};
  }

 private:
  uint32_t* words_;
};

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
    int32_t likely[2];
  };
  // What is found out about a row: what its columns become.
  struct Found {
    uint32_t flow, decision, age;
    uint8_t state, verdict;
  };

  FlowEntry at(uint32_t slot) const { return FlowEntry(table_.entry(slot)); }

  template <From from>
  void classify(const Packets& packets, std::span<const uint16_t> rows, uint32_t now, Disposition* result);
  template <From from>
  Disposition one(const Packets& packets, uint32_t row, uint32_t now, const Probe& probe, Found& found);

  bool expired(uint32_t slot, uint32_t now) const;
  // For Table: whether an entry has expired, and then takes it out of the count of pending ones.
  bool leaves(uint32_t slot, uint32_t now);
  void remove(uint32_t slot);
  int32_t find(const FlowKey& key, uint64_t hash, int32_t likely, uint32_t now);
  bool yields(uint32_t slot, uint32_t now) const;
  void reclaim(uint32_t now);
  // Clones get no more than three quarters of the table, so that the outside can always open a flow.
  int32_t insert(const FlowKey& key, uint64_t hash, uint32_t now, From from);
  bool connectsBack(const Packets& packets, uint32_t row, const Subject& subject, FlowEntry entry) const;
  static bool supersedes(const Subject& subject, FlowEntry entry);
  FlowState pend(FlowEntry entry, From from, bool fromHigh, uint32_t inUniverse, uint32_t now);

  Subject subjectOfFragment(const Packets& packets, uint32_t row, uint32_t inSpace, uint32_t now);
  void rememberFragment(const Packets& packets, uint32_t row, uint32_t inSpace, uint32_t now);

  // What may have to be done about a flow at the end of a turn: to move it, and to end it, or its being
  // pending.
  static constexpr uint32_t kMayMove = 1, kMayEnd = 2;
  uint32_t keep(const Packets& packets, uint32_t row, FlowEntry entry);
  bool isOver(uint32_t slot, uint32_t universe) const;
  bool move(uint32_t slot);
  void nextTurn();

  Table& table_;
  Table& fragments_;
  uint32_t turn_;
  uint32_t& pending_;
  FlowTimeouts timeouts_;
  uint32_t shortest_;  // of these
};

}  // namespace potemkin
