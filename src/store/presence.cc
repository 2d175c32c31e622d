// Series, LabelNames, LabelValues: what there is in a range, without samples.
#include <algorithm>
#include <set>

#include "store/snapshot.h"

namespace store {
namespace {

bool AnyRow(const Mask* mask, std::size_t first, std::size_t last) {
  return first < last && (mask == nullptr || Rank(*mask, last) > Rank(*mask, first));
}

// Which of a group's series have a sample in the range; newest windows first, as most are there.
class Presence {
 public:
  Presence(const State* state, model::Timestamp from, model::Timestamp to)
      : window_ms_(state->window_ms), from_(from), to_(to), snapshot_(state) {}

  base::Result<std::vector<LabelsPtr>> Run(const std::vector<Matcher>& matchers) {
    std::set<std::size_t> found;
    auto done =
        snapshot_.Take(matchers, from_, to_, [&](Window, const Group& group, const Table& table) {
          const auto [first, last] = RowsIn(table.times(), from_, to_);
          for (std::size_t i = 0; i < group.series.size(); ++i) {
            const Table::Column* column = table.Find(group.series[i]);
            if (column != nullptr && AnyRow(&column->mask, first, last)) {
              found.insert(group.slot[i]);
            }
          }
        });
    for (auto window = snapshot_.windows.rbegin(); done && window != snapshot_.windows.rend();
         ++window) {
      for (std::size_t g = 0; done && g < snapshot_.groups.size(); ++g) {
        done = InWindow(*window, snapshot_.groups[g], &found);
      }
    }
    for (auto day = snapshot_.tiers.rbegin(); done && day != snapshot_.tiers.rend(); ++day) {
      for (std::size_t g = 0; done && g < snapshot_.groups.size(); ++g) {
        done = InTier(*day, snapshot_.groups[g], &found);
      }
    }
    if (!done) {
      return base::Fail(std::move(done.error()));
    }
    std::vector<LabelsPtr> out;
    out.reserve(found.size());
    for (const std::size_t slot : found) {
      out.push_back(snapshot_.labels[slot]);
    }
    std::ranges::sort(out, [](const LabelsPtr& a, const LabelsPtr& b) { return *a < *b; });
    const auto same = [](const LabelsPtr& a, const LabelsPtr& b) { return *a == *b; };
    out.erase(std::unique(out.begin(), out.end(), same), out.end());
    return out;
  }

 private:
  // Positions in a group of series that were not found yet.
  static std::vector<std::size_t> Missing(const Group& group, const std::set<std::size_t>& found) {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < group.series.size(); ++i) {
      if (!found.contains(group.slot[i])) {
        out.push_back(i);
      }
    }
    return out;
  }

  base::Result<> InWindow(Window window, const Group& group, std::set<std::size_t>* found) {
    const auto left = Missing(group, *found);
    if (left.empty()) {
      return {};
    }
    const bool whole = from_ <= window && window + window_ms_ - 1 <= to_;
    return snapshot_.EachPart(window, group.target, [&](std::int64_t, ChunkReader* chunk) {
      return InChunk(group, left, whole, from_, chunk, found);
    });
  }

  base::Result<> InTier(Window day, const Group& group, std::set<std::size_t>* found) {
    const auto left = Missing(group, *found);
    if (left.empty()) {
      return {};
    }
    return snapshot_.EachTier(day, group.target, 1U << static_cast<unsigned>(Statistic::kLast),
                              [&](Statistic, ChunkReader* chunk) {
                                return InChunk(group, left, false, from_ - kTierMs + 1, chunk,
                                               found);
                              });
  }

  base::Result<> InChunk(const Group& group, const std::vector<std::size_t>& left, bool whole,
                         model::Timestamp from, ChunkReader* chunk, std::set<std::size_t>* found) {
    std::size_t first = 0;
    std::size_t last = chunk->rows();
    if (!whole) {
      const auto times = chunk->Times();
      if (!times) {
        return base::Fail(times.error());
      }
      std::tie(first, last) = RowsIn(*times, from, to_);
    }
    for (const std::size_t i : left) {
      const ColumnRef* column = chunk->Find(group.series[i]);
      if (column == nullptr) {
        continue;
      }
      const auto mask = chunk->MaskOf(*column);
      if (!mask) {
        return base::Fail(mask.error());
      }
      if (AnyRow(*mask, first, last)) {
        found->insert(group.slot[i]);
      }
    }
    return {};
  }

  std::int64_t window_ms_;
  model::Timestamp from_;
  model::Timestamp to_;
  Snapshot snapshot_;
};

}  // namespace

base::Result<std::vector<LabelsPtr>> Store::Series(const std::vector<Matcher>& matchers,
                                                   model::Timestamp from,
                                                   model::Timestamp to) const {
  from = std::max<model::Timestamp>(from, 0);
  if (to < from) {
    return std::vector<LabelsPtr>{};
  }
  return Presence(state_.get(), from, to).Run(matchers);
}

base::Result<std::vector<std::string>> Store::LabelNames(const std::vector<Matcher>& matchers,
                                                         model::Timestamp from,
                                                         model::Timestamp to) const {
  const auto series = Series(matchers, from, to);
  if (!series) {
    return base::Fail(series.error());
  }
  std::set<std::string> out;
  for (const LabelsPtr& labels : *series) {
    for (const auto& [name, value] : *labels) {
      out.insert(name);
    }
  }
  return std::vector<std::string>(out.begin(), out.end());
}

base::Result<std::vector<std::string>> Store::LabelValues(const std::string& name,
                                                          const std::vector<Matcher>& matchers,
                                                          model::Timestamp from,
                                                          model::Timestamp to) const {
  const auto series = Series(matchers, from, to);
  if (!series) {
    return base::Fail(series.error());
  }
  std::set<std::string> out;
  for (const LabelsPtr& labels : *series) {
    if (labels->Has(name)) {
      out.emplace(labels->Get(name));
    }
  }
  return std::vector<std::string>(out.begin(), out.end());
}

}  // namespace store
