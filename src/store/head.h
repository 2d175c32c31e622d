// Head: samples whose chunk is not written yet, in memory, by window and target.
#pragma once

#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "store/chunk.h"
#include "store/index.h"
#include "store/record.h"

namespace store {

/// How many samples a change brought.
struct Added {
  std::size_t fresh = 0;
  std::size_t overwritten = 0;  ///< had another value at the same time
};

/// Rows of one target in one window: times ascending, a column a series. The newest rows wait side
/// by side until somebody asks for columns or there are some of them: putting a row's values into
/// a thousand columns touches a thousand places in memory, and eight rows touch no more.
class Table {
 public:
  struct Column {
    SeriesId series = 0;
    std::vector<double> values;  // of the rows that are there
    Mask mask;
  };

  [[nodiscard]] const std::vector<model::Timestamp>& times() const { return times_; }
  [[nodiscard]] const std::vector<Column>& columns() const {
    Settle();
    return columns_;
  }
  [[nodiscard]] const Column* Find(SeriesId series) const;
  [[nodiscard]] std::size_t samples() const { return samples_; }

  /// Columns get room for so many rows at once when they are made; a limited number.
  void Expect(std::size_t rows);
  /// Puts a row in its place; a sample that is there already takes the new value.
  Added Insert(const Row& row);
  /// Puts all of a chunk in, as if its rows were inserted. Errors: kCorrupt, nothing changed.
  base::Result<> Insert(ChunkReader* chunk);
  /// Puts all rows of another table in, over those that are there.
  void Insert(const Table& newer);
  /// Forgets `rows` rows from `first` on.
  void DropRows(std::size_t first, std::size_t rows);
  /// The table as chunks, more than one only when it has more rows or columns than one may have.
  [[nodiscard]] std::vector<std::string> Encode() const;

 private:
  // Rows that wait and have the same series.
  struct Lot {
    std::vector<SeriesId> series;
    std::vector<std::size_t> rows;  // which, ascending
    std::vector<double> values;     // of one row after the other
  };

  [[nodiscard]] Row RowOf(std::size_t row, std::vector<std::size_t>* next) const;
  std::size_t RowAt(model::Timestamp t);
  Column& ColumnOf(SeriesId series, std::size_t hint) const;
  Added InsertNow(const Row& row);
  bool Wait(const Row& row);
  Lot* LotOf(const std::vector<SeriesId>& series);
  void Settle() const;
  void SettleLot(Lot* lot) const;
  [[nodiscard]] std::string EncodePart(std::size_t row, std::size_t row_end, std::size_t column,
                                       std::size_t column_end) const;

  std::vector<model::Timestamp> times_;
  // Readers that share the store's lock settle what waits; one of them does it. No series is in two
  // lots that have rows.
  mutable std::vector<Column> columns_;  // ascending by series
  mutable std::vector<Lot> lots_;
  mutable std::size_t waiting_ = 0;  // rows in all lots
  std::size_t samples_ = 0;
  std::size_t expected_ = 0;  // rows
};

/// How many rows before `row` a mask has.
std::size_t Rank(const Mask& mask, std::size_t row);

using WindowHead = std::unordered_map<TargetId, Table>;

/// All tables that are in memory, by window start.
struct Head {
  std::map<model::Timestamp, WindowHead> windows;
  std::unordered_map<TargetId, std::size_t> rows;  // of the table that was written last
  std::size_t samples = 0;
};

}  // namespace store
