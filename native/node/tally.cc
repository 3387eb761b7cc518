// Node-API side of the quotas' counting: see src/native/tally.ts.
#include "tally.h"

#include <array>
#include <vector>

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

constexpr uint32_t kMeterNumbers = 4;
// More than a row of values ever needs.
constexpr uint32_t kMostWidth = 1u << 16;
// Parameters before those of the first level, and those of each.
constexpr size_t kFirstLevel = 5, kLevelParts = 4;

// Appends meters as JavaScript lists them: column, whether it counts bytes, seconds, and the most.
void TakeMeters(const Napi::Value& value, uint32_t width, std::vector<TallyMeter>& meters) {
  const auto numbers = BorrowArray<double>(value, "meters", napi_float64_array);
  if (numbers.size() % kMeterNumbers != 0)
    throw Napi::RangeError::New(value.Env(), "meters must hold 4 numbers for each");
  for (size_t i = 0; i < numbers.size(); i += kMeterNumbers) {
    // Written so that NaN fails as well.
    if (!(numbers[i] >= 0 && numbers[i] + kTallyPair <= width))
      throw Napi::RangeError::New(value.Env(), "a meter's column must lie in the row");
    meters.push_back(
        {static_cast<uint32_t>(numbers[i]), numbers[i + 1] != 0, numbers[i + 2], numbers[i + 3]});
  }
}

double TakeTime(const Napi::Value& value) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), "now must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

Napi::Value Tally(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  const double now = TakeTime(info[3]);
  const auto paid = BorrowBytes(info[4], "paid");
  if (paid.size() < kRows) throw Napi::RangeError::New(env, "paid must hold one for each row there is");
  CheckApart(env, std::as_bytes(paid), std::as_bytes(rows), "paid");
  const size_t parts = info.Length() - kFirstLevel;
  if (parts % kLevelParts != 0 || parts / kLevelParts > kTallyLevels)
    throw Napi::TypeError::New(env, "up to 4 levels must follow, each with slots, values, width and meters");
  const size_t count = parts / kLevelParts;
  std::array<TallyLevel, kTallyLevels> levels;
  std::array<size_t, kTallyLevels + 1> firsts{};
  // Of this thread, so that its memory is used again.
  thread_local std::vector<TallyMeter> meters;
  meters.clear();
  for (size_t i = 0; i < count; ++i) {
    const size_t at = kFirstLevel + i * kLevelParts;
    const auto slots = BorrowArray<int32_t>(info[at], "slots", napi_int32_array);
    const auto values = BorrowArray<double>(info[at + 1], "values", napi_float64_array);
    const auto width = static_cast<uint32_t>(TakeInteger(info[at + 2], "width", kMostWidth));
    if (width == 0) throw Napi::RangeError::New(env, "width must be at least 1");
    if (slots.size() < rows.size()) throw Napi::RangeError::New(env, "slots must hold one for each row");
    CheckApart(env, std::as_bytes(values), std::as_bytes(rows), "values");
    TakeMeters(info[at + 3], width, meters);
    levels[i] = {slots.data(), values, width, {}};
    firsts[i + 1] = meters.size();
  }
  for (size_t i = 0; i < count; ++i)
    levels[i].meters = std::span(meters).subspan(firsts[i], firsts[i + 1] - firsts[i]);
  tally(packets, rows, now, std::span(levels).first(count), paid.data());
  return env.Undefined();
}

}  // namespace

void InitTally(Napi::Env env, Napi::Object exports) {
  exports.Set("tally", Napi::Function::New<Tally>(env, "tally"));
}

}  // namespace potemkin
