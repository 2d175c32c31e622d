// Pieces of a series put together: rows of a column, samples behind samples, times in order.
#include <algorithm>
#include <numeric>

#include "store/snapshot.h"

namespace store {

void AppendRows(std::span<const model::Timestamp> times, const Mask* mask,
                std::span<const double> values, std::size_t first, std::size_t last,
                SeriesData* out) {
  if (mask == nullptr) {
    out->t.insert(out->t.end(), times.begin() + static_cast<std::ptrdiff_t>(first),
                  times.begin() + static_cast<std::ptrdiff_t>(last));
    out->v.insert(out->v.end(), values.begin() + static_cast<std::ptrdiff_t>(first),
                  values.begin() + static_cast<std::ptrdiff_t>(last));
    return;
  }
  std::size_t next = Rank(*mask, first);
  for (std::size_t row = first; row < last; ++row) {
    if (HasRow(*mask, row)) {
      out->t.push_back(times[row]);
      out->v.push_back(values[next++]);
    }
  }
}

void Normalise(SeriesData* data) {
  if (std::ranges::adjacent_find(data->t, std::greater_equal<>()) == data->t.end()) {
    return;
  }
  std::vector<std::size_t> order(data->t.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return data->t[i]; });
  SeriesData out{.labels = data->labels, .t = {}, .v = {}, .weight = {}};
  const bool weighted = !data->weight.empty();
  out.t.reserve(order.size());
  out.v.reserve(order.size());
  for (const std::size_t i : order) {
    if (!out.t.empty() && out.t.back() == data->t[i]) {
      out.v.back() = data->v[i];
    } else {
      out.t.push_back(data->t[i]);
      out.v.push_back(data->v[i]);
      if (weighted) {
        out.weight.push_back(0);
      }
    }
    if (weighted) {
      out.weight.back() = data->weight[i];
    }
  }
  *data = std::move(out);
}

void Add(std::span<const model::Timestamp> t, std::span<const double> v,
         std::span<const double> weight, SeriesData* into) {
  if (!weight.empty() || !into->weight.empty()) {
    into->weight.resize(into->t.size(), 1);
    into->weight.insert(into->weight.end(), weight.begin(), weight.end());
    into->weight.resize(into->t.size() + t.size(), 1);
  }
  into->t.insert(into->t.end(), t.begin(), t.end());
  into->v.insert(into->v.end(), v.begin(), v.end());
}

}  // namespace store
