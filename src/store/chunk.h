// Chunk: what one target gave in one window: times once, a column a series. docs/formats/store.md
// draws it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "store/bytes.h"

namespace store {

/// The number of a series in the dictionary; 1 and up, 0 is none.
using SeriesId = std::uint32_t;

inline constexpr std::uint8_t kChunkVersion = 1;
/// The most rows and columns of one chunk; more are written as several parts.
inline constexpr std::size_t kMaxRows = 65'536;
inline constexpr std::size_t kMaxColumns = 65'536;

/// One bit a row, row 0 the lowest bit of word 0; rows past the last word are absent.
using Mask = std::vector<std::uint64_t>;
inline bool HasRow(const Mask& mask, std::size_t row) {
  return row / 64 < mask.size() && ((mask[row / 64] >> (row % 64)) & 1U) != 0;
}
/// How many rows are present.
std::size_t CountRows(const Mask& mask);

/// A column to be written: the values that are there, in order of rows, and which rows those are.
struct ChunkColumn {
  SeriesId series = 0;
  std::span<const double> values;  ///< at least one
  const Mask* mask = nullptr;      ///< as many bits set as values; not read when all rows are there
};

/// The bytes of a chunk. `times` strictly ascending, 1 to kMaxRows; columns ascending by series, 1
/// to kMaxColumns.
std::string EncodeChunk(std::span<const model::Timestamp> times,
                        std::span<const ChunkColumn> columns);

/// Where a column lies in a chunk.
struct ColumnRef {
  SeriesId series = 0;
  std::uint32_t mask = 0;    ///< 0: every row is there; n: mask n - 1
  std::uint32_t offset = 0;  ///< from the chunk's first byte
  std::uint32_t length = 0;
};

/// Reads a chunk, columns one by one. Whatever the bytes hold, it answers or says kCorrupt; memory
/// is bounded by kMaxRows and by the bytes given. Those must outlive it. Not thread-safe.
class ChunkReader {
 public:
  /// Checks checksum, version and directory. Errors: kCorrupt.
  static base::Result<ChunkReader> Open(Bytes bytes);

  [[nodiscard]] std::size_t rows() const { return rows_; }
  /// Bytes that the times take.
  [[nodiscard]] std::size_t time_length() const { return time_bytes_.size(); }
  /// Ascending by series.
  [[nodiscard]] std::span<const ColumnRef> columns() const { return columns_; }
  /// The column of a series, or nullptr.
  [[nodiscard]] const ColumnRef* Find(SeriesId series) const;
  /// The rows' times, strictly ascending; decoded at the first call. Errors: kCorrupt.
  base::Result<std::span<const model::Timestamp>> Times();
  /// Which rows a column has; nullptr: all. Errors: kCorrupt (also for a mask without a row).
  base::Result<const Mask*> MaskOf(const ColumnRef& column);
  /// How many values a column has.
  base::Result<std::size_t> Count(const ColumnRef& column);
  /// The values of a column into `out`, whose size must be its Count. Errors: kCorrupt.
  [[nodiscard]] base::Result<> Decode(const ColumnRef& column, std::span<double> out) const;
  /// Where the column's code lies, for DecodeColumn.
  [[nodiscard]] Bytes CodeOf(const ColumnRef& column) const {
    return bytes_.subspan(column.offset, column.length);
  }
  /// The code of the times, for DecodeIntegers.
  [[nodiscard]] Bytes time_code() const { return time_bytes_; }

 private:
  ChunkReader() = default;
  base::Result<> ReadDirectory(ByteReader* in, std::uint64_t columns, std::uint64_t masks);
  base::Result<Mask> DecodeMask(Bytes bytes) const;

  Bytes bytes_;
  std::size_t rows_ = 0;
  std::vector<ColumnRef> columns_;
  std::vector<Bytes> mask_bytes_;
  std::vector<Mask> masks_;  // decoded ones; empty = not yet
  Bytes time_bytes_;
  std::vector<model::Timestamp> times_;
};

}  // namespace store
