#include "scans.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "protocol.h"

namespace potemkin {

namespace {

// Words of a scan's value.
enum Word : size_t { kSince, kCount, kTargets };

}  // namespace

Scans::Scans(Table& table, uint32_t targets) : table_(table), targets_(targets) {
  if (targets > kMostTargets || table.keyWords() != kKeyWords || table.valueWords() < kTargets + targets)
    throw std::invalid_argument("a table that is not one of scans, or not for so many targets");
}

bool Scans::reaches(uint32_t slot, uint32_t target, uint32_t now, uint32_t window) {
  uint32_t* scan = table_.value(slot);
  // A window that begins ahead has just begun: a clock may step back, and that of another worker be ahead.
  if (scan[kCount] > 0 && Table::age(now, scan[kSince]) >= window) scan[kCount] = 0;
  const uint32_t reached = std::min(scan[kCount], targets_);
  for (uint32_t i = 0; i < reached; ++i)
    if (scan[kTargets + i] == target) return true;
  if (reached == targets_) return false;
  if (reached == 0) scan[kSince] = now;
  scan[kTargets + reached] = target;
  scan[kCount] = reached + 1;
  return true;
}

void Scans::admit(const Packets& packets, std::span<const uint16_t> rows, uint32_t now, uint32_t window,
                  uint8_t* admitted) {
  std::array<uint32_t, kKeyWords> keys[kStaged];
  uint64_t hashes[kStaged];
  int32_t likelies[kStaged];
  staged(
      static_cast<uint32_t>(rows.size()),
      [&](uint32_t i) {
        const uint16_t row = rows[i];
        const uint32_t proto = packets.proto()[row];
        // Of ICMP the type and code are there.
        const uint32_t port = proto == kIcmp ? packets.sport()[row] : packets.dport()[row];
        auto& key = keys[i % kStaged] = {packets.src()[row], proto, port};
        table_.prefetch(hashes[i % kStaged] = table_.hash<kKeyWords>(key.data()));
      },
      [&](uint32_t i) { likelies[i % kStaged] = table_.likely(hashes[i % kStaged], true); },
      [&](uint32_t i) {
        bool isNew;
        const int32_t slot =
            table_.upsert<kKeyWords>(keys[i % kStaged].data(), hashes[i % kStaged], likelies[i % kStaged],
                                     now, window, WhenFull::kForgetOldest, isNew);
        // A scan that could not be remembered is turned away: no filter is worse than a missed target.
        admitted[i] =
            slot != Table::kNone && reaches(static_cast<uint32_t>(slot), packets.dst()[rows[i]], now, window);
      });
}

}  // namespace potemkin
