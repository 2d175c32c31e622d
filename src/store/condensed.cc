// What a query gets where samples are gone and statistics of five minutes stand for them.
#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "store/snapshot.h"

namespace store {

using base::ErrorKind;

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

namespace {

constexpr std::size_t kReserved = 100'000;  // samples of a series for which room is made at once

// Orders by labels and joins what two targets have under the same ones.
void JoinByLabels(std::vector<SeriesData>* all) {
  std::ranges::stable_sort(*all, [](const SeriesData& a, const SeriesData& b) {
    return a.labels != b.labels && *a.labels < *b.labels;
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < all->size(); ++i) {
    SeriesData& one = (*all)[i];
    if (kept > 0 && *(*all)[kept - 1].labels == *one.labels) {
      SeriesData& into = (*all)[kept - 1];
      into.t.insert(into.t.end(), one.t.begin(), one.t.end());
      into.v.insert(into.v.end(), one.v.begin(), one.v.end());
      if (!into.weight.empty() || !one.weight.empty()) {
        one.weight.resize(one.t.size(), 1);
        into.weight.resize(into.t.size() - one.t.size(), 1);
        into.weight.insert(into.weight.end(), one.weight.begin(), one.weight.end());
      }
      Normalise(&into);
    } else {
      if (kept != i) {
        (*all)[kept] = std::move(one);
      }
      ++kept;
    }
  }
  all->resize(kept);
}

// One of them at work.
class Mixture {
 public:
  Mixture(const State* state, model::Timestamp from, model::Timestamp to, const Hints& hints)
      : window_ms_(state->window_ms),
        limit_(state->options.select_samples),
        from_(from),
        to_(to),
        hints_(hints),
        snapshot_(state) {}

  base::Result<std::vector<SeriesData>> Run(const std::vector<Matcher>& matchers) {
    auto done =
        snapshot_.Take(matchers, from_, to_,
                       [this](const Group& group, const Table& table) { FromHead(group, table); });
    if (!done) {
      return base::Fail(std::move(done.error()));
    }
    out_.resize(snapshot_.labels.size());
    for (const Window window : snapshot_.windows) {
      for (const Group& group : snapshot_.groups) {
        done = snapshot_.EachPart(window, group.target, [&](std::int64_t, ChunkReader* chunk) {
          NoteRaw(window, group.target);
          return FromChunk(group, chunk);
        });
        if (!done) {
          return base::Fail(std::move(done.error()));
        }
      }
    }
    done = FromTiers();
    if (!done) {
      return base::Fail(std::move(done.error()));
    }
    head_.resize(out_.size());
    std::vector<SeriesData> result;
    for (std::size_t i = 0; i < out_.size(); ++i) {
      SeriesData& one = out_[i];
      one.t.insert(one.t.end(), head_[i].t.begin(), head_[i].t.end());
      one.v.insert(one.v.end(), head_[i].v.begin(), head_[i].v.end());
      samples_ += head_[i].t.size();
      if (!one.weight.empty()) {
        one.weight.resize(one.t.size(), 1);
      }
      if (!one.t.empty()) {
        one.labels = snapshot_.labels[i];
        Normalise(&one);
        result.push_back(std::move(one));
      }
    }
    if (samples_ > limit_) {
      return TooMany();
    }
    JoinByLabels(&result);
    return result;
  }

 private:
  [[nodiscard]] std::unexpected<base::Error> TooMany() const {
    return base::Fail(ErrorKind::kRefused,
                      "the query would read more than " + std::to_string(limit_) + " samples");
  }

  void NoteRaw(Window window, TargetId target) {
    if (!snapshot_.tiers.empty()) {
      raw_.emplace(window, target);
    }
  }

  // Statistics of windows whose samples are gone. `previous`: each series' last value of the row
  // before, and its time.
  base::Result<> FromTiers() {
    struct Before {
      model::Timestamp t = -1;
      double v = 0;
    };
    std::vector<Before> before(out_.size());
    for (const Window day : snapshot_.tiers) {
      for (const Group& group : snapshot_.groups) {
        std::vector<std::map<model::Timestamp, TierRow>> rows(group.series.size());
        auto done = snapshot_.EachTier(day, group.target, StatisticsFor(hints_),
                                       [&](Statistic what, ChunkReader* chunk) {
                                         return TierRows(group, what, chunk, &rows);
                                       });
        if (!done) {
          return done;
        }
        for (std::size_t i = 0; i < rows.size(); ++i) {
          Before& last = before[group.slot[i]];
          SeriesData& out = out_[group.slot[i]];
          for (const auto& [t, row] : rows[i]) {
            const bool gone = !raw_.contains({t - t % window_ms_, group.target});
            const double previous =
                last.t == t - kTierMs ? last.v : std::numeric_limits<double>::quiet_NaN();
            if (gone && t + kTierMs > from_ && t + kTierMs - 1 <= to_) {
              const std::size_t had = out.t.size();
              AppendTierRow(row, previous, hints_, &out);
              samples_ += out.t.size() - had;
            }
            last = {t, row.v[static_cast<std::size_t>(Statistic::kLast)]};
          }
        }
        if (samples_ > limit_) {
          return TooMany();
        }
      }
    }
    return {};
  }

  base::Result<> TierRows(const Group& group, Statistic what, ChunkReader* chunk,
                          std::vector<std::map<model::Timestamp, TierRow>>* rows) {
    const auto times = chunk->Times();
    if (!times) {
      return base::Fail(times.error());
    }
    for (std::size_t i = 0; i < group.series.size(); ++i) {
      const ColumnRef* column = chunk->Find(group.series[i]);
      if (column == nullptr) {
        continue;
      }
      const auto mask = chunk->MaskOf(*column);
      if (!mask) {
        return base::Fail(mask.error());
      }
      scratch_.resize(*mask == nullptr ? times->size() : CountRows(**mask));
      if (auto done = chunk->Decode(*column, scratch_); !done) {
        return done;
      }
      std::size_t next = 0;
      for (std::size_t row = 0; row < times->size(); ++row) {
        if (*mask == nullptr || HasRow(**mask, row)) {
          TierRow& one = (*rows)[i][(*times)[row]];
          one.t = (*times)[row];
          one.v[static_cast<std::size_t>(what)] = scratch_[next++];
          one.have |= 1U << static_cast<unsigned>(what);
        }
      }
    }
    return {};
  }

  void FromHead(const Group& group, const Table& table) {
    NoteRaw(table.times().front() - table.times().front() % window_ms_, group.target);
    const auto [first, last] = RowsIn(table.times(), from_, to_);
    for (std::size_t i = 0; first < last && i < group.series.size(); ++i) {
      const Table::Column* column = table.Find(group.series[i]);
      if (column != nullptr) {
        head_.resize(std::max(head_.size(), group.slot[i] + 1));
        AppendRows(table.times(), &column->mask, column->values, first, last,
                   &head_[group.slot[i]]);
      }
    }
  }

  base::Result<> FromChunk(const Group& group, ChunkReader* chunk) {
    std::span<const model::Timestamp> times;
    std::size_t first = 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < group.series.size(); ++i) {
      const ColumnRef* column = chunk->Find(group.series[i]);
      if (column == nullptr) {
        continue;
      }
      if (times.empty()) {
        const auto read = chunk->Times();
        if (!read) {
          return base::Fail(read.error());
        }
        times = *read;
        std::tie(first, last) = RowsIn(times, from_, to_);
      }
      if (first == last) {
        return {};
      }
      if (auto done = FromColumn(chunk, *column, times, first, last, &out_[group.slot[i]]); !done) {
        return done;
      }
      if (samples_ > limit_) {
        return TooMany();
      }
    }
    return {};
  }

  base::Result<> FromColumn(ChunkReader* chunk, const ColumnRef& column,
                            std::span<const model::Timestamp> times, std::size_t first,
                            std::size_t last, SeriesData* out) {
    const auto mask = chunk->MaskOf(column);
    if (!mask) {
      return base::Fail(mask.error());
    }
    const std::size_t before = out->t.size();
    if (before == 0 && snapshot_.windows.size() > 1) {  // most windows are like the first
      const std::size_t guess = std::min((last - first + 2) * snapshot_.windows.size(), kReserved);
      out->t.reserve(guess);
      out->v.reserve(guess);
    }
    if (*mask == nullptr && first == 0 && last == times.size()) {
      out->v.resize(before + last);  // straight to its place
      if (auto done = chunk->Decode(column, std::span(out->v).subspan(before)); !done) {
        out->v.resize(before);
        return done;
      }
      out->t.insert(out->t.end(), times.begin(), times.end());
    } else {
      scratch_.resize(*mask == nullptr ? times.size() : CountRows(**mask));
      if (auto done = chunk->Decode(column, scratch_); !done) {
        return done;
      }
      AppendRows(times, *mask, scratch_, first, last, out);
    }
    samples_ += out->t.size() - before;
    return {};
  }

  std::int64_t window_ms_;
  std::size_t limit_;
  model::Timestamp from_;
  model::Timestamp to_;
  const Hints& hints_;
  Snapshot snapshot_;
  std::set<std::pair<Window, TargetId>> raw_;  // that have samples; filled when there are tiers
  std::vector<SeriesData> out_;
  std::vector<SeriesData> head_;  // by slot, what memory has
  std::vector<double> scratch_;
  std::size_t samples_ = 0;
};

}  // namespace

base::Result<std::vector<SeriesData>> Condensed(const State* state,
                                                const std::vector<Matcher>& matchers,
                                                model::Timestamp from, model::Timestamp to,
                                                const Hints& hints) {
  return Mixture(state, from, to, hints).Run(matchers);
}

}  // namespace store
