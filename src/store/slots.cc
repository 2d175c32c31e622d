// Slots in the order of their series.
#include "store/slots.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace store {
namespace {

void Put(SeriesId id, double value, Row* row) {
  if (!row->series.empty() && row->series.back() == id) {
    if (model::IsStale(row->values.back())) {  // another slot's series goes on
      row->values.back() = value;
    }
  } else {
    row->series.push_back(id);
    row->values.push_back(value);
  }
}

}  // namespace

bool Sound(const model::TableBatch& batch) {
  if (batch.table == nullptr) {
    return false;
  }
  if (batch.slots.empty()) {
    return batch.values.size() == batch.table->size();
  }
  return batch.slots.size() == batch.values.size() && batch.slots.back() < batch.table->size() &&
         std::ranges::adjacent_find(batch.slots, std::greater_equal<>()) == batch.slots.end();
}

void Slots::Set(std::vector<SeriesId> ids) {
  ids_ = std::move(ids);
  refused_ = static_cast<std::size_t>(std::ranges::count(ids_, SeriesId{0}));
  order_.clear();
  order_.shrink_to_fit();
  const bool ascending =
      refused_ == 0 && std::ranges::adjacent_find(ids_, std::greater_equal<>()) == ids_.end();
  if (!ascending) {
    order_.resize(ids_.size());
    std::iota(order_.begin(), order_.end(), 0U);
    std::ranges::stable_sort(order_, {}, [&](std::uint32_t slot) { return ids_[slot]; });
  }
}

Row Slots::RowOf(const model::TableBatch& batch) const {
  Row row{.t = batch.t};
  row.series.reserve(batch.values.size());
  row.values.reserve(batch.values.size());
  if (order_.empty()) {
    row.values = batch.values;
    if (batch.slots.empty()) {
      row.series.assign(ids_.begin(),
                        ids_.begin() + static_cast<std::ptrdiff_t>(row.values.size()));
    } else {
      for (const auto slot : batch.slots) {
        row.series.push_back(ids_[slot]);
      }
    }
    return row;
  }
  constexpr std::uint32_t kAbsent = UINT32_MAX;
  std::vector<std::uint32_t> place(ids_.size(), kAbsent);  // of a slot's value
  for (std::uint32_t i = 0; i < batch.values.size(); ++i) {
    place[batch.slots.empty() ? i : batch.slots[i]] = i;
  }
  for (const auto slot : order_) {
    if (ids_[slot] != 0 && place[slot] != kAbsent) {
      Put(ids_[slot], batch.values[place[slot]], &row);
    }
  }
  return row;
}

}  // namespace store
