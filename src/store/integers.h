// Integers: a row of whole numbers in few bits: common divisor taken out, differences of order 0 to
// 2, then truncated binary or Rice codes. docs/formats/store.md draws it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "store/bytes.h"

namespace store {

/// Appends the code of `values` (any number of them, any values).
void EncodeIntegers(std::span<const std::int64_t> values, std::string* out);

/// Reads the first out.size() of the `count` numbers that all of `bytes` are. Errors: kCorrupt;
/// nothing is allocated.
base::Result<> DecodeIntegers(Bytes bytes, std::size_t count, std::span<std::int64_t> out);
/// Reads all of them.
inline base::Result<> DecodeIntegers(Bytes bytes, std::span<std::int64_t> out) {
  return DecodeIntegers(bytes, out.size(), out);
}

}  // namespace store
