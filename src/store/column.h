// Column: the values of one series in one chunk, in whichever code takes the fewest bytes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/bytes.h"
#include "store/integers.h"

namespace store {

/// The first byte of a column. New codes get new numbers; docs/formats/store.md draws each.
enum class ColumnCode : std::uint8_t {
  kConstant = 0,  ///< one value for all rows
  kRuns = 1,      ///< run lengths
  kDecimal = 2,   ///< whole numbers over one power of ten, patches apart
  kXor = 3,       ///< Gorilla
  kRaw = 4,       ///< eight bytes a value
  kZstd = 5       ///< eight bytes a value, byte planes one after the other, through zstd
};

/// Appends the code of `values` (at least one). Every bit of every value comes back.
void EncodeColumn(std::span<const double> values, std::string* out);

/// Reads the out.size() values from `first` on, of the `count` that all of `bytes` are. `marks`:
/// what MarkColumn gave for them, or none. Errors: kCorrupt.
base::Result<> DecodeColumn(Bytes bytes, std::size_t count, std::span<const IntegerMark> marks,
                            std::size_t first, std::span<double> out);
/// Reads the first ones.
inline base::Result<> DecodeColumn(Bytes bytes, std::size_t count, std::span<double> out) {
  return DecodeColumn(bytes, count, {}, 0, out);
}
/// Reads all of them.
inline base::Result<> DecodeColumn(Bytes bytes, std::span<double> out) {
  return DecodeColumn(bytes, out.size(), out);
}
/// Where reading may begin in the middle, and so that several stretches are read at once: much
/// quicker. None where it is of no use. Errors: kCorrupt.
base::Result<std::vector<IntegerMark>> MarkColumn(Bytes bytes, std::size_t count);

}  // namespace store
