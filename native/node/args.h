// Helpers that take arguments from JavaScript. Each throws a TypeError or RangeError that names the argument.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>

#include "columns.h"
#include "wire.h"

namespace potemkin {

inline constexpr uint64_t kMaxInteger = (uint64_t{1} << 53) - 1;

// An integer from 0 to max.
inline uint64_t TakeInteger(const Napi::Value& value, const char* name, uint64_t max = kMaxInteger) {
  double number;
  if (napi_get_value_double(value.Env(), value, &number) != napi_ok) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a number");
  }
  // Written so that NaN fails as well.
  if (!(number >= 0 && number <= static_cast<double>(max)) ||
      static_cast<double>(static_cast<uint64_t>(number)) != number) {
    throw Napi::RangeError::New(value.Env(),
                                std::string(name) + " must be an integer from 0 to " + std::to_string(max));
  }
  return static_cast<uint64_t>(number);
}

// Borrows the elements of a typed array of exactly this type until the call returns. JavaScript owns them.
template <typename T>
std::span<T> BorrowArray(const Napi::Value& value, const char* name, napi_typedarray_type type) {
  napi_typedarray_type found;
  size_t length;
  void* data;
  // Of the typed arrays only; a DataView or an ArrayBuffer fails.
  if (napi_get_typedarray_info(value.Env(), value, &found, &length, &data, nullptr, nullptr) != napi_ok ||
      found != type) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a typed array of the right type");
  }
  // SAFETY: V8 vouches for length elements at data, aligned to their size, for as long as no JavaScript runs.
  return {static_cast<T*>(data), data == nullptr ? 0 : length};
}

// Borrows the bytes of a Uint8Array (a Buffer is one).
inline std::span<uint8_t> BorrowBytes(const Napi::Value& value, const char* name) {
  return BorrowArray<uint8_t>(value, name, napi_uint8_array);
}

// Borrows the table of a Packets object: its `bytes`.
inline Packets BorrowPackets(const Napi::Value& value) {
  const std::span<uint8_t> bytes = BorrowBytes(value, "packets");
  if (bytes.size() != kTableBytes || reinterpret_cast<uintptr_t>(bytes.data()) % alignof(uint64_t) != 0) {
    throw Napi::TypeError::New(value.Env(), "packets must be the bytes of a packet table");
  }
  return {bytes.data()};
}

// Refuses memory that shares a byte with other memory that the call writes to, where what was checked must
// not change before it is used.
inline void CheckApart(Napi::Env env, std::span<const std::byte> one, std::span<const std::byte> other,
                       const char* name) {
  const std::less<const std::byte*> before;
  if (before(one.data(), other.data() + other.size()) && before(other.data(), one.data() + one.size()))
    throw Napi::TypeError::New(env, std::string(name) + " must lie in memory of its own");
}

// Borrows the first count entries of a list of rows (a Uint16Array): at most kRows, each below kRows.
inline std::span<uint16_t> BorrowRows(const Packets& packets, const Napi::Value& value,
                                      const Napi::Value& count) {
  const std::span<uint16_t> rows = BorrowArray<uint16_t>(value, "rows", napi_uint16_array);
  const std::span<uint16_t> borrowed =
      rows.first(TakeInteger(count, "count", std::min<size_t>(rows.size(), kRows)));
  // All are below a power of two if their bits together are: so no row is a branch.
  static_assert((kRows & (kRows - 1)) == 0);
  uint16_t bits = 0;
  for (const uint16_t row : borrowed) bits |= row;
  if (bits >= kRows) throw Napi::RangeError::New(value.Env(), "rows must be below " + std::to_string(kRows));
  CheckApart(value.Env(), std::as_bytes(borrowed), std::as_bytes(std::span(packets.base, kTableBytes)),
             "rows");
  return borrowed;
}

// What came of a batch as one number: the bytes of all rows or, if some are faulty, minus their number.
inline Napi::Value SayJudged(Napi::Env env, const Judged& all) {
  return Napi::Number::New(
      env, all.faulty == 0 ? static_cast<double>(all.bytes) : -static_cast<double>(all.faulty));
}

// A function whose plain C++ part throws std::invalid_argument, which becomes a TypeError. All other
// exceptions become an Error wherever a call comes from JavaScript (NODE_ADDON_API_CPP_EXCEPTIONS_ALL).
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value Translated(const Napi::CallbackInfo& info) {
  try {
    return function(info);
  } catch (const std::invalid_argument& error) {
    throw Napi::TypeError::New(info.Env(), error.what());
  }
}

}  // namespace potemkin
