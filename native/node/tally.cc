// Node-API side of the quotas' counting: see src/native/tally.ts.
#include "tally.h"

#include <vector>

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {

namespace {

constexpr uint32_t kMeterNumbers = 4;
// More than a row of values ever needs.
constexpr uint32_t kMostWidth = 1u << 16;

// Meters as JavaScript lists them: column, whether it counts bytes, seconds, and the most.
std::vector<TallyMeter> TakeMeters(const Napi::Value& value, uint32_t width) {
  const auto numbers = BorrowArray<double>(value, "meters", napi_float64_array);
  if (numbers.size() % kMeterNumbers != 0)
    throw Napi::RangeError::New(value.Env(), "meters must hold 4 numbers for each");
  std::vector<TallyMeter> meters;
  for (size_t i = 0; i < numbers.size(); i += kMeterNumbers) {
    // Written so that NaN fails as well.
    if (!(numbers[i] >= 0 && numbers[i] + kTallyPair <= width))
      throw Napi::RangeError::New(value.Env(), "a meter's column must lie in the row");
    meters.push_back(
        {static_cast<uint32_t>(numbers[i]), numbers[i + 1] != 0, numbers[i + 2], numbers[i + 3]});
  }
  return meters;
}

double TakeTime(const Napi::Value& value) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), "now must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

Napi::Value Tally(const Napi::CallbackInfo& info) {
  const Packets packets = BorrowPackets(info[0]);
  const auto rows = BorrowRows(packets, info[1], info[2]);
  const auto slots = BorrowArray<int32_t>(info[3], "slots", napi_int32_array);
  const double now = TakeTime(info[4]);
  const auto values = BorrowArray<double>(info[5], "values", napi_float64_array);
  const auto width = static_cast<uint32_t>(TakeInteger(info[6], "width", kMostWidth));
  const auto paid = BorrowBytes(info[8], "paid");
  if (width == 0) throw Napi::RangeError::New(info.Env(), "width must be at least 1");
  if (slots.size() < rows.size()) throw Napi::RangeError::New(info.Env(), "slots must hold one for each row");
  if (paid.size() < kRows)
    throw Napi::RangeError::New(info.Env(), "paid must hold one for each row there is");
  CheckApart(info.Env(), std::as_bytes(paid), std::as_bytes(rows), "paid");
  CheckApart(info.Env(), std::as_bytes(values), std::as_bytes(rows), "values");
  const std::vector<TallyMeter> meters = TakeMeters(info[7], width);
  tally(packets, rows, slots.data(), now, values, width, meters, paid.data());
  return info.Env().Undefined();
}

}  // namespace

void InitTally(Napi::Env env, Napi::Object exports) {
  exports.Set("tally", Napi::Function::New<Tally>(env, "tally"));
}

}  // namespace potemkin
