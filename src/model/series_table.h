// SeriesTable and TableBatch: many series that come together again and again, whose labels do not
// travel with every value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/labels.h"
#include "model/sample.h"

namespace model {

/// Series by number: slots 0, 1, 2 … Never changes; one with more series is another table, which
/// may have grown from this one.
class SeriesTable {
 public:
  SeriesTable() = default;
  virtual ~SeriesTable() = default;
  SeriesTable(const SeriesTable&) = delete;
  SeriesTable& operator=(const SeriesTable&) = delete;
  /// The same object for all tables that grew from one another: a slot is the same series in each.
  [[nodiscard]] virtual std::shared_ptr<const void> identity() const = 0;
  /// How many slots there are.
  [[nodiscard]] virtual std::uint32_t size() const = 0;
  /// The labels of a slot, __name__ among them. May be called on any thread.
  [[nodiscard]] virtual Labels LabelsOf(std::uint32_t slot) const = 0;
};

/// What one target gave at one time, by slots: a Batch for thousands of series.
struct TableBatch {
  std::string target;
  Timestamp t = 0;
  std::shared_ptr<const SeriesTable> table;
  std::vector<std::uint32_t> slots;  ///< ascending, one a value; empty: all slots of the table
  std::vector<double> values;
};

}  // namespace model
