// Select and Each: samples of the head and of chunks, seen at one moment, series by series; where
// they are gone, statistics of five minutes.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "store/helper.h"
#include "store/snapshot.h"

namespace store {

namespace {

using base::ErrorKind;

SeriesView ViewOf(const SeriesData& series) {
  return {series.labels, series.t, series.v, series.weight};
}

// What is read of one series. While it has a sample in every row of its target's chunks it shares
// the group's times; then its own list is empty.
struct Buffer {
  Room<double> v;
  std::vector<model::Timestamp> own;
  bool shares = true;
};

// One Each at work.
class Selection {
 public:
  // `hints` may be nullptr.
  Selection(const State* state, model::Timestamp from, model::Timestamp to, const Hints* hints,
            const SeriesSink& sink)
      : state_(state),
        from_(from),
        to_(to),
        condensing_(hints != nullptr && StatisticsFor(*hints) != 0 ? hints : nullptr),
        abreast_(hints != nullptr && hints->abreast),
        newest_(hints != nullptr && hints->newest),
        sink_(sink),
        snapshot_(state) {}

  base::Result<> Run(const std::vector<Matcher>& matchers);

 private:
  friend class GroupReader;

  [[nodiscard]] std::unexpected<base::Error> TooMany() const {
    return base::Fail(ErrorKind::kRefused, "the query would read more than " +
                                               std::to_string(state_->options.select_samples) +
                                               " samples");
  }

  // The place of each slot in the order of labels. Slots with the same labels have one place.
  void Order() {
    const auto& labels = snapshot_.labels;
    std::vector<std::size_t> slots(labels.size());
    std::iota(slots.begin(), slots.end(), std::size_t{0});
    std::ranges::stable_sort(slots, [&](std::size_t a, std::size_t b) {
      return labels[a] != labels[b] && *labels[a] < *labels[b];
    });
    place_.resize(slots.size());
    std::size_t place = 0;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (i > 0 && *labels[slots[i]] == *labels[slots[i - 1]]) {
        twins_.try_emplace(place);
      } else {
        place += i > 0 ? 1 : 0;
      }
      place_[slots[i]] = place;
    }
  }

  void FromHead(Window window, const Group& group, const Table& table) {
    if (condensing_ != nullptr) {
      in_memory_[group.target].insert(window);
    }
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

  // What is kept of all the chunks, if it is; under the lock, so that it is of the same moment.
  bool AllKept() {
    constexpr std::size_t kMost = 2000;  // so that the lock is not held for long
    const auto& groups = snapshot_.groups;
    if (groups.size() * snapshot_.windows.size() > kMost) {
      return false;
    }
    for (const Group& group : groups) {
      for (const Window window : snapshot_.windows) {
        kept_.push_back(Kept(window, group));
        if (kept_.back() == nullptr) {
          kept_.clear();
          return false;
        }
      }
    }
    return true;
  }
  std::shared_ptr<const KeptParts> Kept(Window window, const Group& group) const {
    auto known = state_->chunks.Find(window, group.target, snapshot_.generation);
    return known != nullptr && std::ranges::includes(known->asked, group.series) ? known : nullptr;
  }

  // Of the windows and groups by their places.
  base::Result<std::shared_ptr<const KeptParts>> Parts(std::size_t window, std::size_t group);
  base::Result<> ReadGroups();
  base::Result<> ReadNext(Helper* helper);
  [[nodiscard]] bool IsMuch(std::size_t done) const;
  base::Result<> GiveTwins();

  const State* state_;
  model::Timestamp from_;
  model::Timestamp to_;
  const Hints* condensing_;  // what statistics of five minutes may stand for, or nullptr
  bool abreast_;
  bool newest_;
  const SeriesSink& sink_;
  Snapshot snapshot_;
  std::vector<std::size_t> place_;  // by slot
  std::vector<SeriesData> head_;    // by slot, what memory has
  // Windows with samples in memory; filled when statistics may serve.
  std::map<TargetId, std::set<Window>> in_memory_;
  std::vector<std::shared_ptr<const KeptParts>> kept_;  // group by group; or none
  std::atomic<std::size_t> samples_ = 0;
  std::map<std::size_t, std::map<std::size_t, SeriesData>> twins_;  // by place, then slot
  base::Result<> helped_;              // what the second thread came to
  std::mutex mutex_;                   // of the reader and the pieces of twins
  std::atomic<std::size_t> next_ = 0;  // of the groups
  std::atomic<bool> failed_ = false;   // one of the threads has an error: the other may end
};

// Reads target by target, window by window.
class GroupReader {
 public:
  explicit GroupReader(Selection* all) : all_(*all) {}

  base::Result<> Read(std::size_t number) {
    const Group& group = all_.snapshot_.groups[number];
    times_.clear();
    ordered_ = true;
    buffers_.resize(std::max(buffers_.size(), group.series.size()));
    for (std::size_t i = 0; i < group.series.size(); ++i) {
      buffers_[i].v.clear();
      buffers_[i].own.clear();
      buffers_[i].shares = true;
    }
    std::set<Window> raw;  // windows that still have samples
    for (std::size_t i = 0; i < all_.snapshot_.windows.size(); ++i) {
      const auto parts = all_.Parts(i, number);
      if (!parts) {
        return base::Fail(parts.error());
      }
      if (all_.condensing_ != nullptr && !(*parts)->parts.empty()) {
        raw.insert(all_.snapshot_.windows[i]);
      }
      for (const KeptChunk& chunk : (*parts)->parts) {
        auto done = FromChunk(group, chunk);
        if (!done && done.error().kind != ErrorKind::kCorrupt) {
          return done;
        }
        if (!done) {
          all_.state_->NoteDamage({all_.snapshot_.windows[i], group.target, chunk.part()},
                                  done.error().message);
        }
      }
    }
    condensed_.clear();
    if (auto done = FromTiers(group, std::move(raw)); !done) {
      return done;
    }
    for (std::size_t i = 0; i < group.series.size(); ++i) {
      if (auto done =
              Give(group.slot[i], buffers_[i], i < condensed_.size() ? &condensed_[i] : nullptr);
          !done) {
        return done;
      }
    }
    return {};
  }

 private:
  // Statistics of the windows whose samples are gone, when the use is one that they serve.
  base::Result<> FromTiers(const Group& group, std::set<Window> raw) {
    if (all_.condensing_ == nullptr || all_.snapshot_.tiers.empty()) {
      return {};
    }
    if (const auto more = all_.in_memory_.find(group.target); more != all_.in_memory_.end()) {
      raw.insert(more->second.begin(), more->second.end());
    }
    condensed_.resize(group.series.size());
    const std::size_t limit = all_.state_->options.select_samples;
    const std::lock_guard lock(all_.mutex_);
    const auto fits = ReadTiers(&all_.snapshot_, group,
                                {.hints = *all_.condensing_,
                                 .from = all_.from_,
                                 .to = all_.to_,
                                 .window_ms = all_.state_->window_ms,
                                 .raw = raw,
                                 .room = limit - std::min<std::size_t>(limit, all_.samples_)},
                                &condensed_);
    if (!fits) {
      return base::Fail(fits.error());
    }
    return *fits ? base::Result<>{} : all_.TooMany();
  }

  base::Result<> FromChunk(const Group& group, const KeptChunk& chunk) {
    const auto rows = chunk.RowsIn(all_.from_, all_.to_, &chunk_times_);
    if (!rows) {
      return base::Fail(rows.error());
    }
    auto [first, last] = *rows;
    if (first == last) {
      return {};
    }
    if (all_.newest_ && chunk.whole()) {
      first = last - 1;
    }
    const std::size_t before = times_.size();
    for (std::size_t i = 0; i < group.series.size(); ++i) {
      const KeptChunk::Column* column = chunk.Find(group.series[i]);
      if (column == nullptr) {
        continue;
      }
      if (times_.size() == before) {
        chunk.AppendTimes(first, last, chunk_times_, &times_);
        ordered_ = ordered_ && (before == 0 || times_[before - 1] < times_[before]);
      }
      if (auto done = FromColumn(chunk, *column, first, last, before, &buffers_[i]); !done) {
        return done;
      }
    }
    return {};
  }

  // `before`: how many times the group had before this chunk's.
  base::Result<> FromColumn(const KeptChunk& chunk, const KeptChunk::Column& column,
                            std::size_t first, std::size_t last, std::size_t before, Buffer* out) {
    const Mask* mask = chunk.MaskOf(column);
    const std::size_t size = out->v.size();
    if (out->shares && (mask != nullptr || size != before)) {
      out->own.assign(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(size));
      out->shares = false;
    }
    const std::size_t skip = mask == nullptr ? first : Rank(*mask, first);
    const std::size_t count = (mask == nullptr ? last : Rank(*mask, last)) - skip;
    if (count == 0) {
      return {};
    }
    out->v.resize(size + count);  // straight to its place
    if (auto done = chunk.Decode(column, skip, std::span(out->v).subspan(size)); !done) {
      out->v.resize(size);
      return done;
    }
    if (!out->shares) {
      for (std::size_t row = first; row < last; ++row) {
        if (mask == nullptr || HasRow(*mask, row)) {
          out->own.push_back(times_[before + row - first]);
        }
      }
    }
    return {};
  }

  // A series is complete.
  base::Result<> Give(std::size_t slot, const Buffer& buffer, const SeriesData* condensed) {
    SeriesData& head = all_.head_[slot];
    if (condensed != nullptr && condensed->v.empty()) {
      condensed = nullptr;
    }
    const std::size_t size =
        buffer.v.size() + head.v.size() + (condensed == nullptr ? 0 : condensed->v.size());
    if (all_.samples_ += size; all_.samples_ > all_.state_->options.select_samples) {
      return all_.TooMany();
    }
    const std::span<const double> v = buffer.v;
    const auto t =
        (buffer.shares ? std::span<const model::Timestamp>(times_) : buffer.own).first(v.size());
    const std::size_t place = all_.place_[slot];
    const auto& labels = all_.snapshot_.labels[slot];
    const auto twin = all_.twins_.find(place);
    if (twin == all_.twins_.end() && condensed == nullptr) {
      if (head.v.empty() && ordered_) {
        return v.empty() ? base::Result<>{} : all_.sink_(place, {labels, t, v});
      }
      if (v.empty()) {
        Normalise(&head);
        return head.v.empty() ? base::Result<>{} : all_.sink_(place, {labels, head.t, head.v});
      }
    }
    SeriesData whole{.labels = labels, .t = {}, .v = {}, .weight = {}};
    if (condensed != nullptr) {
      Add(*condensed, &whole);
    }
    Add(t, v, {}, &whole);
    Add(head, &whole);
    Normalise(&whole);
    if (twin != all_.twins_.end()) {
      const std::lock_guard lock(all_.mutex_);
      twin->second.emplace(slot, std::move(whole));
      return {};
    }
    return all_.sink_(place, ViewOf(whole));
  }

  Selection& all_;
  bool ordered_ = true;                        // times_ ascend
  Room<model::Timestamp> times_;               // of the group, all chunks so far
  std::vector<model::Timestamp> chunk_times_;  // of one chunk, all rows
  std::vector<Buffer> buffers_;                // of the group's series
  std::vector<SeriesData> condensed_;          // of them, or empty: statistics of five minutes
};

// What is kept of a chunk, or else read now and kept, with what others asked of it.
base::Result<std::shared_ptr<const KeptParts>> Selection::Parts(std::size_t window_number,
                                                                std::size_t group_number) {
  if (!kept_.empty()) {
    return kept_[group_number * snapshot_.windows.size() + window_number];
  }
  const Window window = snapshot_.windows[window_number];
  const Group& group = snapshot_.groups[group_number];
  auto known = state_->chunks.Find(window, group.target, snapshot_.generation);
  if (known != nullptr && std::ranges::includes(known->asked, group.series)) {
    return known;
  }
  auto fresh = std::make_shared<KeptParts>();
  if (known != nullptr) {
    std::ranges::set_union(known->asked, group.series, std::back_inserter(fresh->asked));
    fresh->labels = known->labels;
  } else {
    fresh->asked = group.series;
  }
  for (std::size_t i = 0; i < group.series.size(); ++i) {
    if (known == nullptr || !std::ranges::binary_search(known->asked, group.series[i])) {
      fresh->labels.push_back(snapshot_.labels[group.slot[i]]);
    }
  }
  const std::lock_guard lock(mutex_);
  const std::uint64_t damage = state_->unreadable;
  auto done = snapshot_.EachPart(window, group.target,
                                 [&](std::int64_t part, ChunkReader* chunk) -> base::Result<> {
                                   auto kept = KeptChunk::Take(part, chunk, fresh->asked);
                                   if (!kept) {
                                     return base::Fail(kept.error());
                                   }
                                   fresh->parts.push_back(std::move(*kept));
                                   return {};
                                 });
  if (!done) {
    return base::Fail(std::move(done.error()));
  }
  if (damage == state_->unreadable) {
    state_->chunks.Put(window, group.target, fresh, snapshot_.generation);
  }
  return fresh;
}

// Whether what comes after the first `done` groups is worth a second thread.
bool Selection::IsMuch(std::size_t done) const {
  constexpr std::size_t kMuch = 200'000;  // samples: about a millisecond
  return abreast_ && samples_ / done * (snapshot_.groups.size() - done) >= kMuch;
}

// Reads groups that nobody has begun until there are none; `helper` is what may be started to do
// the same, or nullptr.
base::Result<> Selection::ReadNext(Helper* helper) {
  GroupReader reader(this);
  for (std::size_t i = next_++; i < snapshot_.groups.size() && !failed_; i = next_++) {
    if (auto done = reader.Read(i); !done) {
      failed_ = true;
      return done;
    }
    if (helper != nullptr && IsMuch(i + 1)) {
      helper->Start([this] { helped_ = ReadNext(nullptr); });
      helper = nullptr;
    }
  }
  return {};
}

base::Result<> Selection::ReadGroups() {
  Helper helper(&state_->helping);
  auto done = ReadNext(&helper);
  helper.Join();
  return done ? std::move(helped_) : std::move(done);
}

base::Result<> Selection::Run(const std::vector<Matcher>& matchers) {
  auto taken = snapshot_.Take(
      matchers, from_, to_,
      [this](Window window, const Group& group, const Table& table) {
        FromHead(window, group, table);
      },
      [this] { return !AllKept(); });
  if (!taken || snapshot_.groups.empty()) {
    return taken;
  }
  head_.resize(snapshot_.labels.size());
  Order();
  if (auto done = ReadGroups(); !done) {
    return done;
  }
  return GiveTwins();
}

// What several targets have under the same labels is one series.
base::Result<> Selection::GiveTwins() {
  for (auto& [place, pieces] : twins_) {
    SeriesData whole;
    for (auto& [slot, piece] : pieces) {
      whole.labels = piece.labels;
      Add(piece, &whole);
    }
    Normalise(&whole);
    if (whole.v.empty()) {
      continue;
    }
    if (auto done = sink_(place, ViewOf(whole)); !done) {
      return done;
    }
  }
  return {};
}

}  // namespace

base::Result<> Store::Each(const std::vector<Matcher>& matchers, model::Timestamp from,
                           model::Timestamp to, const Hints* hints, const SeriesSink& sink) const {
  from = std::max<model::Timestamp>(from, 0);
  if (matchers.empty()) {
    return base::Fail(ErrorKind::kInvalid, "match[] must contain at least one non-empty matcher");
  }
  if (to < from) {
    return {};
  }
  return Selection(state_.get(), from, to, hints, sink).Run(matchers);
}

base::Result<std::vector<SeriesData>> Store::Select(const std::vector<Matcher>& matchers,
                                                    model::Timestamp from,
                                                    model::Timestamp to) const {
  std::vector<SeriesData> out;
  auto done = Each(matchers, from, to, nullptr, [&](std::size_t place, const SeriesView& series) {
    out.resize(std::max(out.size(), place + 1));
    out[place] = {
        series.labels, {series.t.begin(), series.t.end()}, {series.v.begin(), series.v.end()}, {}};
    return base::Result<>{};
  });
  if (!done) {
    return base::Fail(std::move(done.error()));
  }
  std::erase_if(out, [](const SeriesData& series) { return series.t.empty(); });
  return out;
}

}  // namespace store
