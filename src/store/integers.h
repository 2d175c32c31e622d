// Integers: a row of whole numbers in few bits: common divisor taken out, differences of order 0 to
// 2, then truncated binary or Rice codes. docs/formats/store.md draws it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

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

/// Where reading may begin in the middle of a row of integers.
struct IntegerMark {
  std::int64_t value = 0;       ///< the one before
  std::int64_t difference = 0;  ///< from the one before that
  std::uint32_t bit = 0;        ///< of the codes
};
/// How many integers lie between two marks.
inline constexpr std::size_t kMarkEvery = 128;
/// Makes the marks of `count` numbers; none where they would be of no use. Errors: kCorrupt.
base::Result<std::vector<IntegerMark>> MarkIntegers(Bytes bytes, std::size_t count);
/// Reads the `n` numbers from `first` on, from the mark before them, several stretches at once.
/// They lie in `room`. `marks`: all that MarkIntegers gave for these bytes, or none. Errors:
/// kCorrupt.
base::Result<std::span<const std::int64_t>> DecodeIntegers(Bytes bytes, std::size_t count,
                                                           std::span<const IntegerMark> marks,
                                                           std::size_t first, std::size_t n,
                                                           std::vector<std::int64_t>* room);

}  // namespace store
