// Select, Series, LabelNames, LabelValues: the head and the chunks seen at one moment.
#include <algorithm>
#include <numeric>
#include <set>

#include "store/state.h"

namespace store {
namespace {

using base::ErrorKind;
using LabelsPtr = std::shared_ptr<const model::Labels>;

// Series of one target that are asked for.
struct Group {
  TargetId target = 0;
  std::vector<SeriesId> series;   // ascending
  std::vector<std::size_t> slot;  // where each one's answer goes
};

// What a read needs, taken under one shared lock: after it nothing of the state is touched but the
// reader's own transaction.
class Snapshot {
 public:
  explicit Snapshot(const State* state) : state_(state) {}
  ~Snapshot() {
    if (reader_ != nullptr) {
      if (open_) {
        (void)reader_->db.Exec("COMMIT");
      }
      state_->GiveReader(std::move(reader_));
    }
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Call `with_head` for what is in memory; it runs under the lock.
  template <class F>
  base::Result<> Take(const std::vector<Matcher>& matchers, model::Timestamp from,
                      model::Timestamp to, F with_head) {
    const std::shared_lock lock(state_->shared);
    auto ids = state_->index.Match(matchers);
    if (!ids) {
      return base::Fail(std::move(ids.error()));
    }
    labels = state_->index.LabelsOf(*ids);
    std::map<TargetId, Group> by_target;
    for (std::size_t i = 0; i < ids->size(); ++i) {
      const TargetId target = state_->index.TargetOf((*ids)[i]);
      Group& group = by_target[target];
      group.target = target;
      group.series.push_back((*ids)[i]);
      group.slot.push_back(i);
    }
    for (auto& [target, group] : by_target) {
      groups.push_back(std::move(group));
    }
    for (auto at = state_->windows.upper_bound(from - state_->window_ms);
         at != state_->windows.end() && *at <= to; ++at) {
      windows.push_back(*at);
    }
    for (auto at = state_->head.windows.upper_bound(from - state_->window_ms);
         at != state_->head.windows.end() && at->first <= to; ++at) {
      for (const Group& group : groups) {
        const auto table = at->second.find(group.target);
        if (table != at->second.end()) {
          with_head(group, table->second);
        }
      }
    }
    return windows.empty() || groups.empty() ? base::Result<>{} : Pin();
  }

  // Every part of a target's chunk in a window, in the order in which they were written.
  template <class F>
  base::Result<> EachPart(Window window, TargetId target, F with_chunk) {
    Statement& parts = reader_->parts;
    const Resetting reset(&parts);
    parts.Bind(1, window).Bind(2, target);
    while (true) {
      auto row = parts.Step();
      if (!row) {
        if (row.error().kind != ErrorKind::kCorrupt) {
          return base::Fail(std::move(row.error()));
        }
        state_->NoteDamage({window, target, -1}, row.error().message);
        return {};
      }
      if (!*row) {
        return {};
      }
      auto chunk = ChunkReader::Open(parts.Blob(1));
      auto done = chunk ? with_chunk(&*chunk) : base::Fail(chunk.error());
      if (!done && done.error().kind != ErrorKind::kCorrupt) {
        return done;
      }
      if (!done) {
        state_->NoteDamage({window, target, parts.Int(0)}, done.error().message);
      }
    }
  }

  std::vector<LabelsPtr> labels;
  std::vector<Group> groups;
  std::vector<Window> windows;

 private:
  base::Result<> Pin() {
    auto reader = state_->TakeReader();
    if (!reader) {
      return base::Fail(std::move(reader.error()));
    }
    reader_ = std::move(*reader);
    auto begun = reader_->db.Exec("BEGIN");
    if (!begun) {
      return begun;
    }
    open_ = true;
    auto row = reader_->pin.Step();  // the first read fixes what the transaction sees
    reader_->pin.Reset();
    return row ? base::Result<>{} : base::Fail(std::move(row.error()));
  }

  const State* state_;
  std::unique_ptr<ReaderDb> reader_;
  bool open_ = false;
};

// Rows [first, last) of a column of `values`, by a mask or all.
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

std::pair<std::size_t, std::size_t> RowsIn(std::span<const model::Timestamp> times,
                                           model::Timestamp from, model::Timestamp to) {
  const auto first = std::ranges::lower_bound(times, from) - times.begin();
  const auto last = std::ranges::upper_bound(times, to) - times.begin();
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(last)};
}

// Times strictly ascending; of several samples at one time the one that came last.
void Normalise(SeriesData* data) {
  if (std::ranges::adjacent_find(data->t, std::greater_equal<>()) == data->t.end()) {
    return;
  }
  std::vector<std::size_t> order(data->t.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return data->t[i]; });
  SeriesData out{.labels = data->labels, .t = {}, .v = {}};
  out.t.reserve(order.size());
  out.v.reserve(order.size());
  for (const std::size_t i : order) {
    if (!out.t.empty() && out.t.back() == data->t[i]) {
      out.v.back() = data->v[i];
    } else {
      out.t.push_back(data->t[i]);
      out.v.push_back(data->v[i]);
    }
  }
  *data = std::move(out);
}

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

// One Select at work.
class Selection {
 public:
  Selection(const State* state, model::Timestamp from, model::Timestamp to)
      : limit_(state->options.select_samples), from_(from), to_(to), snapshot_(state) {}

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
        done = snapshot_.EachPart(window, group.target,
                                  [&](ChunkReader* chunk) { return FromChunk(group, chunk); });
        if (!done) {
          return base::Fail(std::move(done.error()));
        }
      }
    }
    head_.resize(out_.size());
    std::vector<SeriesData> result;
    for (std::size_t i = 0; i < out_.size(); ++i) {
      SeriesData& one = out_[i];
      one.t.insert(one.t.end(), head_[i].t.begin(), head_[i].t.end());
      one.v.insert(one.v.end(), head_[i].v.begin(), head_[i].v.end());
      samples_ += head_[i].t.size();
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

  void FromHead(const Group& group, const Table& table) {
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

  std::size_t limit_;
  model::Timestamp from_;
  model::Timestamp to_;
  Snapshot snapshot_;
  std::vector<SeriesData> out_;
  std::vector<SeriesData> head_;  // by slot, what memory has
  std::vector<double> scratch_;
  std::size_t samples_ = 0;
};

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
    auto done = snapshot_.Take(matchers, from_, to_, [&](const Group& group, const Table& table) {
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
  base::Result<> InWindow(Window window, const Group& group, std::set<std::size_t>* found) {
    const auto missing = [&](std::size_t i) { return !found->contains(group.slot[i]); };
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < group.series.size(); ++i) {
      if (missing(i)) {
        left.push_back(i);
      }
    }
    if (left.empty()) {
      return {};
    }
    const bool whole = from_ <= window && window + window_ms_ - 1 <= to_;
    return snapshot_.EachPart(window, group.target, [&](ChunkReader* chunk) -> base::Result<> {
      std::size_t first = 0;
      std::size_t last = chunk->rows();
      if (!whole) {
        const auto times = chunk->Times();
        if (!times) {
          return base::Fail(times.error());
        }
        std::tie(first, last) = RowsIn(*times, from_, to_);
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
    });
  }

  std::int64_t window_ms_;
  model::Timestamp from_;
  model::Timestamp to_;
  Snapshot snapshot_;
};

}  // namespace

base::Result<std::vector<SeriesData>> Store::Select(const std::vector<Matcher>& matchers,
                                                    model::Timestamp from,
                                                    model::Timestamp to) const {
  from = std::max<model::Timestamp>(from, 0);
  if (matchers.empty()) {
    return base::Fail(ErrorKind::kInvalid, "match[] must contain at least one non-empty matcher");
  }
  if (to < from) {
    return std::vector<SeriesData>{};
  }
  return Selection(state_.get(), from, to).Run(matchers);
}

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
