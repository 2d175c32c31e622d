// Slots: which series the slots of a model::SeriesTable are, so that a batch of values finds its
// series without looking at labels. Not for other rooms.
#pragma once

#include <memory>
#include <vector>

#include "model/series_table.h"
#include "store/chunk.h"
#include "store/record.h"

namespace store {

class Slots {
 public:
  explicit Slots(std::weak_ptr<const void> identity) : identity_(std::move(identity)) {}

  [[nodiscard]] bool Are(const model::SeriesTable& table) const {
    return identity_.lock() == table.identity();
  }
  [[nodiscard]] bool Gone() const { return identity_.expired(); }
  /// How many slots have been looked up.
  [[nodiscard]] std::size_t size() const { return ids_.size(); }
  /// How many of them have no series, because the store would not make one.
  [[nodiscard]] std::size_t refused() const { return refused_; }
  [[nodiscard]] SeriesId Of(std::uint32_t slot) const {
    return slot < ids_.size() ? ids_[slot] : 0;
  }
  /// Sets the series of every slot, 0 where there is none.
  void Set(std::vector<SeriesId> ids);
  /// The row of a batch of this table. Of two slots that are one series
  /// the first counts (Prometheus: duplicate samples), but for a stale marker.
  [[nodiscard]] Row RowOf(const model::TableBatch& batch) const;

 private:
  std::weak_ptr<const void> identity_;
  std::vector<SeriesId> ids_;
  std::vector<std::uint32_t> order_;  ///< slots by ascending series; empty: ids_ ascends itself
  std::size_t refused_ = 0;
};

/// Whether a batch keeps to what TableBatch says.
bool Sound(const model::TableBatch& batch);

}  // namespace store
