// Classifies by a decision table: see src/packet/pattern/decision-table.ts.
#pragma once

#include <cstdint>
#include <span>

#include "columns.h"

namespace potemkin {

// The result of each of at most kRows rows. The table can be any words; what is not there adds nothing, and
// a table without cells gives 0xffff.
void decide(const Packets& packets, std::span<const uint16_t> rows, std::span<const uint32_t> table,
            uint16_t* results);

}  // namespace potemkin
