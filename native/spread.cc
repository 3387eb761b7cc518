#include "spread.h"

#include <cstddef>

#include "protocol.h"

namespace potemkin {

namespace {

constexpr uint32_t kIpHeader = 20, kBaseHeader = 4, kOption = 4;
// Bits of the GRE header for which it is refused (gre.cc): routing, the reserved ones, and the version.
constexpr uint32_t kRefused = 0x4c07;
constexpr uint32_t kIpv4 = 0x0800;
// 2^32 divided by the golden ratio: neighbouring addresses come far apart.
constexpr uint32_t kGolden = 0x9e3779b1;

// Places of the program's scratch memory: where GRE begins, the bytes from there on, those of its options.
enum : uint32_t { kGreAt, kLeft, kOptions, kFlags };

enum class Label { kOuter, kOdd, kHash };

// Writes classic BPF whose jumps lead forward to labels.
class Program {
 public:
  explicit Program(std::vector<sock_filter>& code) : code_(code) {}

  void op(int what, uint32_t k = 0) { code_.push_back(BPF_STMT(static_cast<uint16_t>(what), k)); }
  // Goes to the label if the test holds, or if it does not.
  void when(int test, uint32_t k, Label label) { jump(test, k, label, true); }
  void unless(int test, uint32_t k, Label label) { jump(test, k, label, false); }
  void go(Label label) { when(BPF_JGE | BPF_K, 0, label); }
  void place(Label label) {
    for (const auto& [at, to, holds] : open_) {
      if (to != label) continue;
      const auto distance = static_cast<uint8_t>(code_.size() - at - 1);
      (holds ? code_[at].jt : code_[at].jf) = distance;
    }
  }

 private:
  struct Jump {
    size_t at;
    Label to;
    bool holds;
  };
  void jump(int test, uint32_t k, Label label, bool holds) {
    open_.push_back({code_.size(), label, holds});
    code_.push_back(BPF_JUMP(static_cast<uint16_t>(BPF_JMP | test), k, 0, 0));
  }

  std::vector<sock_filter>& code_;
  std::vector<Jump> open_;
};

}  // namespace

void AppendShare(std::vector<sock_filter>& code, const Share& share, uint32_t link) {
  if (share.workers <= 1) {
    code.push_back(BPF_STMT(BPF_RET | BPF_K, UINT32_MAX));
    return;
  }
  Program p(code);
  // A load beyond the packet would end the program and the packet with it, so lengths are looked at first.
  p.op(BPF_LD | BPF_W | BPF_LEN);
  p.unless(BPF_JGE | BPF_K, link + kIpHeader, Label::kOdd);
  p.op(BPF_LD | BPF_B | BPF_ABS, link + 9);
  p.unless(BPF_JEQ | BPF_K, kGre, Label::kOuter);
  p.op(BPF_LD | BPF_H | BPF_ABS, link + 6);
  p.when(BPF_JSET | BPF_K, 0x3fff, Label::kOdd);  // a fragment
  p.op(BPF_LD | BPF_B | BPF_ABS, link);
  p.op(BPF_ALU | BPF_AND | BPF_K, 0x0f);
  p.op(BPF_ALU | BPF_LSH | BPF_K, 2);
  p.unless(BPF_JGE | BPF_K, kIpHeader, Label::kOdd);
  p.op(BPF_ALU | BPF_ADD | BPF_K, link);
  p.op(BPF_ST, kGreAt);
  p.op(BPF_LDX | BPF_MEM, kGreAt);
  p.op(BPF_LD | BPF_W | BPF_LEN);
  p.unless(BPF_JGE | BPF_X, 0, Label::kOdd);
  p.op(BPF_ALU | BPF_SUB | BPF_X);
  p.op(BPF_ST, kLeft);
  p.unless(BPF_JGE | BPF_K, kBaseHeader + kIpHeader, Label::kOdd);
  p.op(BPF_LD | BPF_H | BPF_IND, 2);
  p.unless(BPF_JEQ | BPF_K, kIpv4, Label::kOdd);
  p.op(BPF_LD | BPF_H | BPF_IND, 0);
  p.when(BPF_JSET | BPF_K, kRefused, Label::kOdd);
  p.op(BPF_ST, kFlags);
  // Checksum, key and sequence number are four bytes each.
  p.op(BPF_ALU | BPF_RSH | BPF_K, 15);
  p.op(BPF_ST, kOptions);
  for (const uint32_t bit : {13u, 12u}) {
    p.op(BPF_LDX | BPF_MEM, kOptions);
    p.op(BPF_LD | BPF_MEM, kFlags);
    p.op(BPF_ALU | BPF_RSH | BPF_K, bit);
    p.op(BPF_ALU | BPF_AND | BPF_K, 1);
    p.op(BPF_ALU | BPF_ADD | BPF_X);
    p.op(BPF_ST, kOptions);
  }
  p.op(BPF_ALU | BPF_MUL | BPF_K, kOption);
  p.op(BPF_ST, kOptions);
  p.op(BPF_ALU | BPF_ADD | BPF_K, kBaseHeader + kIpHeader);
  p.op(BPF_MISC | BPF_TAX);
  p.op(BPF_LD | BPF_MEM, kLeft);
  p.unless(BPF_JGE | BPF_X, 0, Label::kOdd);
  p.op(BPF_LD | BPF_MEM, kOptions);
  p.op(BPF_LDX | BPF_MEM, kGreAt);
  p.op(BPF_ALU | BPF_ADD | BPF_X);
  p.op(BPF_MISC | BPF_TAX);
  p.op(BPF_LD | BPF_W | BPF_IND, kBaseHeader + 16);
  p.go(Label::kHash);
  p.place(Label::kOuter);
  p.op(BPF_LD | BPF_W | BPF_ABS, link + 16);
  p.place(Label::kHash);
  p.op(BPF_ALU | BPF_MUL | BPF_K, kGolden);
  p.op(BPF_ALU | BPF_RSH | BPF_K, 16);
  p.op(BPF_ALU | BPF_MUL | BPF_K, share.workers);
  p.op(BPF_ALU | BPF_RSH | BPF_K, 16);
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, share.worker, 0, 1));
  p.op(BPF_RET | BPF_K, UINT32_MAX);
  if (share.worker != 0) p.place(Label::kOdd);
  p.op(BPF_RET | BPF_K, 0);
  if (share.worker != 0) return;
  p.place(Label::kOdd);
  p.op(BPF_RET | BPF_K, UINT32_MAX);
}

}  // namespace potemkin
