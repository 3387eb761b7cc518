// Which packets a scan filter admits: see src/elements/ScanFilter.ts.
#pragma once

#include <cstdint>
#include <span>

#include "columns.h"
#include "table.h"

namespace potemkin {

// The scans that are remembered. A key is who scans, by which protocol, and for which port; a value is when
// the scan's window began, how many targets it has reached in it, and which.
class Scans {
 public:
  static constexpr uint32_t kKeyWords = 3, kMostTargets = 62;

  // Borrows the table for the length of a call. Throws std::invalid_argument unless a scan has room for so
  // many targets there.
  Scans(Table& table, uint32_t targets);

  // Rows below kRows with the parse columns filled in; now and window in ms. admitted[i] becomes whether row
  // i goes to one of the first targets of its scan.
  void admit(const Packets& packets, std::span<const uint16_t> rows, uint32_t now, uint32_t window,
             uint8_t* admitted);

 private:
  bool reaches(uint32_t slot, uint32_t target, uint32_t now, uint32_t window);

  Table& table_;
  uint32_t targets_;
};

}  // namespace potemkin
