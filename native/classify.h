// Runs the programs that patterns are compiled to: see src/packet/pattern/program.ts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "columns.h"

namespace potemkin {

// What a step reads, as in src/packet/pattern/program.ts: columns, and bytes of headers.
struct Read {
  enum : uint32_t { kSrc, kDst, kSport, kDport, kProto, kTcpFlags, kFragment, kIp, kTransport };
};

// One step: what is read, how it is compared, and the steps to go on with. A step that is negative is the
// end: the result is -1 minus it.
struct ClassifierStep {
  uint32_t read, op;
  uint32_t offset, width;  // bytes of the header, for what no column holds
  uint32_t shift, mask, value;
  int32_t yes, no;  // in words from the program's start, not in steps
};

// The number of the first pattern that each of at most kRows rows matches. The program can be anything: a
// step that is not there, and a program that goes in circles, end with result 0xffff.
void classify(const Packets& packets, std::span<const uint16_t> rows, std::span<const ClassifierStep> program,
              int32_t first, uint16_t* results);

}  // namespace potemkin
