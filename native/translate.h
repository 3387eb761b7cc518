// Address translation, one to one. Batches of rows of a packet table; every row is below kRows. What start
// and length say is checked against the row's slot.
#pragma once

#include <cstddef>

#include "columns.h"

namespace potemkin {

// Exchanges two addresses, ones[i] and others[i], wherever they stand in the packet of rows[i]: in its IPv4
// header, and in that of the packet which an ICMP error quotes. All checksums are updated by the difference
// (RFC 1624). It is its own inverse, so one function serves both directions, and since no third address is
// touched, no two packets become the same. Options stay as they are, and so does what is cut short in a
// quotation. Columns are not written, but for fault: transport-truncated where a checksum that must change
// lies beyond the packet, or what is wrong with its lengths. Returns how many rows are faulty; those were not
// changed.
uint32_t translateIp(const Packets& packets, const uint16_t* rows, size_t n, const uint32_t* ones,
                     const uint32_t* others);

}  // namespace potemkin
