// Any bytes as a packet that reaches the rings of several workers: exactly one of their filters accepts it,
// and where decapsulate finds a packet inside, that of the inner destination.
#include <vector>

#include "checksum.h"
#include "fuzz/input.h"
#include "gre.h"
#include "protocol.h"
#include "spread.h"

using namespace potemkin;

namespace {

constexpr uint32_t kIpHeader = 20;

// Runs a filter as the kernel does (Documentation/networking/filter.rst), but for loads beyond the packet:
// the kernel then drops it, which no filter of ours may have to rely on.
uint32_t run(std::span<const sock_filter> code, std::span<const uint8_t> packet) {
  uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = {};
  for (size_t at = 0;; at++) {
    REQUIRE(at < code.size());
    const sock_filter& op = code[at];
    const uint32_t operand = BPF_SRC(op.code) == BPF_X ? x : op.k;
    const auto loaded = [&](size_t from) -> uint32_t {
      const size_t bytes = BPF_SIZE(op.code) == BPF_W ? 4 : BPF_SIZE(op.code) == BPF_H ? 2 : 1;
      REQUIRE(from + bytes <= packet.size());
      const uint8_t* bytesAt = packet.data() + from;
      return bytes == 4 ? get32(bytesAt) : bytes == 2 ? get16(bytesAt) : *bytesAt;
    };
    const auto jump = [&](bool holds) { at += holds ? op.jt : op.jf; };
    switch (op.code) {
      case BPF_LD | BPF_W | BPF_LEN:
        a = static_cast<uint32_t>(packet.size());
        break;
      case BPF_LD | BPF_W | BPF_ABS:
      case BPF_LD | BPF_H | BPF_ABS:
      case BPF_LD | BPF_B | BPF_ABS:
        a = loaded(op.k);
        break;
      case BPF_LD | BPF_W | BPF_IND:
      case BPF_LD | BPF_H | BPF_IND:
        a = loaded(size_t{x} + op.k);
        break;
      case BPF_LD | BPF_MEM:
        a = memory[op.k];
        break;
      case BPF_LDX | BPF_MEM:
        x = memory[op.k];
        break;
      case BPF_ST:
        memory[op.k] = a;
        break;
      case BPF_MISC | BPF_TAX:
        x = a;
        break;
      case BPF_ALU | BPF_ADD | BPF_K:
      case BPF_ALU | BPF_ADD | BPF_X:
        a += operand;
        break;
      case BPF_ALU | BPF_SUB | BPF_X:
        a -= operand;
        break;
      case BPF_ALU | BPF_MUL | BPF_K:
        a *= operand;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= operand;
        break;
      case BPF_ALU | BPF_LSH | BPF_K:
        a <<= operand;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        a >>= operand;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(a == operand);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
      case BPF_JMP | BPF_JGE | BPF_X:
        jump(a >= operand);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((a & operand) != 0);
        break;
      case BPF_RET | BPF_K:
        return op.k;
      default:
        REQUIRE(!"an operation that filters have");
    }
  }
}

// The one worker that takes the packet behind a link-layer header.
uint32_t takerOf(std::span<const uint8_t> frame, uint32_t link, uint32_t workers) {
  uint32_t taker = workers;
  for (uint32_t worker = 0; worker < workers; worker++) {
    std::vector<sock_filter> code;
    AppendShare(code, {worker, workers}, link);
    if (run(code, frame) == 0) continue;
    REQUIRE(taker == workers);
    taker = worker;
  }
  REQUIRE(taker < workers);
  return taker;
}

uint32_t workerOf(const uint8_t* address, uint32_t workers) {
  return ((get32(address) * 0x9e3779b1u >> 16) * workers) >> 16;
}

// Makes the outer header sound, or its checksum at least, so that what lies behind it is reached.
void finish(uint8_t* packet, size_t length, bool tunnel) {
  if (tunnel) {
    packet[0] = static_cast<uint8_t>(0x40 | std::max(packet[0] & 15, 5));
    put16(packet + 2, static_cast<uint16_t>(length));
    put16(packet + 6, 0);
    packet[9] = kGre;
  }
  const size_t header = (packet[0] & 15u) * 4u;
  store<uint16_t>(packet + 10, 0);
  store(packet + 10, checksumOf(sumBytes(packet, std::min(length, header))));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static FuzzTable table;
  table.reset();
  const Packets& packets = table.packets;
  const uint32_t workers = 1 + data[0] % 9u, link = (data[1] & 1) != 0 ? 14 : 0;
  const size_t length = table.put(0, std::span(data, size).subspan(2));
  uint8_t* packet = packets.slot(0) + kHeadroom;
  if (length >= kIpHeader) finish(packet, length, (data[1] & 2) != 0);
  std::vector<uint8_t> frame(link);
  frame.insert(frame.end(), packet, packet + length);
  const uint32_t taker = takerOf(frame, link, workers);
  if (length < kIpHeader) {
    REQUIRE(taker == 0);
  } else if (packet[9] != kGre) {
    REQUIRE(taker == workerOf(packet + 16, workers));
  } else {
    Tunnel tunnel{0, 0, 0, 0, 0, 0, 0, 0};
    if (decapsulate(packets, table.rows, 1, tunnel).faulty != 0) return 0;
    const auto inner = bytesOf(packets, 0);
    REQUIRE(taker == (inner.size() < kIpHeader ? taker : workerOf(inner.data() + 16, workers)));
  }
  return 0;
}
