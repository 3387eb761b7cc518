// Any frames from clones, by the real sockets of their wires, and rows with any columns back to them: beside
// plain queues. What is too long is cut, and a descriptor that comes with a frame does not stay open.
#include <sys/socket.h>

#include <deque>
#include <vector>

#include "fuzz/input.h"
#include "wires.h"

using namespace potemkin;

namespace {

constexpr uint32_t kClones = 3, kEthernet = 14, kRoom = kMaxPacket + kEthernet;

using Bytes = std::vector<uint8_t>;

// A clone's end of its wire, and what it has sent that nobody has received.
struct Guest {
  Fd fd;
  std::deque<Bytes> sent;
};

struct Rig {
  FuzzTable table;
  Wires wires;
  Guest guests[kClones];  // of the clones from 1 on
  size_t waiting = 0;     // frames that may wait for a guest: the system's setting

  Rig() {
    for (uint32_t clone = 1; clone <= kClones; clone++) {
      int pair[2];
      REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
      wires.Add(clone, Fd(pair[0]));
      guests[clone - 1].fd = Fd(pair[1]);
    }
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    const Fd from(pair[0]), to(pair[1]);
    while (send(from.get(), "", 1, 0) == 1) waiting++;
  }

  void sendFrame(Input& input) {
    Guest& guest = guests[input.byte() % kClones];
    // Around the longest that fits, or short.
    const uint8_t kind = input.byte();
    Bytes frame(kind < 64 ? kRoom - 32 + kind : input.byte(), kind);
    const auto begins = input.bytes(std::min<size_t>(frame.size(), kind & 15));
    std::copy(begins.begin(), begins.end(), frame.begin());
    iovec part{frame.data(), frame.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))] = {};
    if (kind % 4 == 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* passed = CMSG_FIRSTHDR(&message);
      *passed = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
      store(CMSG_DATA(passed), guest.fd.get());
    }
    // Refused where too many wait.
    if (sendmsg(guest.fd.get(), &message, 0) >= 0) guest.sent.push_back(std::move(frame));
  }

  // Returns how many came.
  uint32_t receive(uint32_t max) {
    table.reset();
    const Packets& packets = table.packets;
    const int got = wires.Receive(packets, 0, max);
    REQUIRE(got >= 0 && static_cast<uint32_t>(got) <= max);
    const auto n = static_cast<uint32_t>(got);
    uint32_t tooLong = 0;
    for (uint32_t row = 0; row < n; row++) {
      const uint32_t clone = packets.clone()[row];
      REQUIRE(clone >= 1 && clone <= kClones && !guests[clone - 1].sent.empty());
      Bytes frame = std::move(guests[clone - 1].sent.front());
      guests[clone - 1].sent.pop_front();
      const bool isTooLong = frame.size() > kRoom;
      tooLong += isTooLong;
      REQUIRE((packets.fault()[row] == static_cast<uint8_t>(Fault::kOversize)) == isTooLong);
      frame.resize(std::min<size_t>(frame.size(), kRoom));
      const auto bytes = bytesOf(packets, row);
      REQUIRE(packets.start()[row] == kSlotsAt + row * kSlot + kHeadroom - kEthernet);
      REQUIRE(packets.length()[row] == frame.size() && std::ranges::equal(bytes, frame));
    }
    table.check(n, tooLong);
    return n;
  }

  void sendRows(Input& input) {
    table.reset();
    const Packets& packets = table.packets;
    const uint32_t n = input.byte() % FuzzTable::kUsed;
    for (uint32_t row = 0; row < n; row++) {
      table.put(row, input.bytes(input.byte()));
      packets.clone()[row] = input.byte() % (kClones + 2);
      const uint8_t madeUp = input.byte();
      if ((madeUp & 3) == 0) packets.start()[row] += madeUp * 0x01000007u;
      if ((madeUp & 12) == 0) packets.length()[row] = madeUp * 0x00001011u;
    }
    std::vector<uint16_t> rows(table.rows, table.rows + n);
    const int accepted = wires.Send(packets, rows);
    REQUIRE(accepted >= 0 && static_cast<uint32_t>(accepted) <= n);
    std::vector<Bytes> expected[kClones];
    for (size_t i = 0; i < n; i++) {
      const uint32_t clone = packets.clone()[rows[i]];
      const auto bytes = bytesOf(packets, rows[i]);
      const bool sendable = clone >= 1 && clone <= kClones && !bytes.empty();
      if (i < static_cast<size_t>(accepted)) {
        REQUIRE(sendable);
        expected[clone - 1].emplace_back(bytes.begin(), bytes.end());
      } else {
        REQUIRE(!sendable || expected[clone - 1].size() >= waiting);
      }
    }
    for (uint32_t i = 0; i < kClones; i++) REQUIRE(arrived(guests[i]) == expected[i]);
    std::ranges::sort(rows);
    REQUIRE(std::equal(rows.begin(), rows.end(), table.rows));
  }

  static std::vector<Bytes> arrived(const Guest& guest) {
    std::vector<Bytes> frames;
    Bytes frame(kSlot + 1);
    for (ssize_t got; (got = recv(guest.fd.get(), frame.data(), frame.size(), 0)) >= 0;)
      frames.emplace_back(frame.begin(), frame.begin() + got);
    return frames;
  }
};

// The number that the next descriptor gets: with none left open it stays the same.
int nextDescriptor() {
  return Fd(dup(STDERR_FILENO)).get();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Rig rig;
  const int next = nextDescriptor();
  Input input({data, size});
  while (!input.empty()) {
    const uint8_t what = input.byte();
    if ((what & 3) < 2) rig.sendFrame(input);
    if ((what & 3) == 2) rig.receive(input.byte() % (FuzzTable::kUsed + 1));
    if ((what & 3) == 3) rig.sendRows(input);
  }
  while (rig.receive(FuzzTable::kUsed) > 0) continue;
  for (const Guest& guest : rig.guests) REQUIRE(guest.sent.empty());
  REQUIRE(nextDescriptor() == next);
  return 0;
}
