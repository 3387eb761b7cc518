// The wires of all clones behind one descriptor.
#pragma once

#include <sys/epoll.h>

#include <memory>
#include <unordered_map>

#include "datagrams.h"

namespace potemkin {

// Unix datagram sockets that carry Ethernet frames, one for each clone. Rows start at the Ethernet header,
// and the column `clone` says whose wire a frame came from, or is to go to. fd() is an epoll descriptor,
// readable while a frame waits on any wire.
class Wires : public Device {
 public:
  static constexpr size_t kMost = 100'000;

  // Throws IoError.
  Wires();

  // Adds a wire; takes the descriptor over, and closes it where it throws IoError. Clone 0 is nobody.
  void Add(uint32_t clone, Fd fd);
  // Closes a wire. What waits on it is lost. Returns false if the clone has none.
  bool Remove(uint32_t clone);

  // Wires that have frames take turns, and none fills more than kShare rows of a call, so one that floods
  // leaves room for all others.
  int Receive(const Packets& packets, uint32_t first, uint32_t max) override;
  // A row whose clone has no wire, or whose wire is full or has lost its other end, is refused; all others
  // are sent.
  int Send(const Packets& packets, std::span<uint16_t> rows) override;

 private:
  static constexpr uint32_t kShare = 64;
  static constexpr uint16_t kNone = 0xffff;

  struct Wire {
    uint32_t clone;
    Fd fd;
    uint64_t call = 0;   // the call of Receive …
    uint32_t taken = 0;  // … and the rows it has filled in it
    // The places of its rows in the list of Send, chained by next.
    uint16_t first = kNone;
    uint16_t last = kNone;
  };

  // Receives at most `most` frames of a wire. Returns how many.
  uint32_t Take(Wire& wire, const Packets& packets, uint32_t first, uint32_t most);
  // Sends the rows that are chained to a wire.
  void Flush(Wire& wire, const Packets& packets, std::span<const uint16_t> rows);

  // What one call of Send notes.
  struct Sending {
    Wire* touched[kRows];  // wires that have rows, in the order of their first ones
    uint16_t next[kRows];
    bool accepted[kRows];
  };

  // Its nodes stay where they are, so epoll keeps pointers to them.
  std::unordered_map<uint32_t, Wire> wires_;
  uint64_t calls_ = 0;
  epoll_event events_[kBatch];
  const std::unique_ptr<Datagrams> datagrams_ = std::make_unique<Datagrams>();
  const std::unique_ptr<Sending> sending_ = std::make_unique<Sending>();
};

}  // namespace potemkin
