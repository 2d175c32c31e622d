// Snapshot: what a read sees of the head and the chunks at one moment; not for other rooms.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "store/state.h"
#include "store/tier.h"

namespace store {

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

  // Calls `with_head` (window, group, table) for what is in memory; it runs under the lock.
  // `on_disk`, too: whether chunks have to be read; when not, and there are no statistics, the disk
  // is left alone.
  template <class F>
  base::Result<> Take(
      const std::vector<Matcher>& matchers, model::Timestamp from, model::Timestamp to, F with_head,
      const std::function<bool()>& on_disk = [] { return true; }) {
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
    generation = state_->chunks.generation();
    for (auto at = state_->windows.upper_bound(from - state_->window_ms);
         at != state_->windows.end() && *at <= to; ++at) {
      windows.push_back(*at);
    }
    for (auto at = state_->head.windows.upper_bound(from - state_->window_ms);
         at != state_->head.windows.end() && at->first <= to; ++at) {
      for (const Group& group : groups) {
        const auto table = at->second.find(group.target);
        if (table != at->second.end()) {
          with_head(at->first, group, table->second);
        }
      }
    }
    for (auto at = state_->tiers.upper_bound(from - state_->TierSpan() - kTierMs);
         at != state_->tiers.end() && *at <= to; ++at) {
      tiers.push_back(*at);
    }
    const bool chunks = !groups.empty() && !windows.empty() && on_disk();
    return chunks || (!groups.empty() && !tiers.empty()) ? Pin() : base::Result<>{};
  }

  // Every part of a target's chunk in a window, in the order in which they were written: its number
  // and its reader.
  template <class F>
  base::Result<> EachPart(Window window, TargetId target, F with_chunk) {
    return EachOf(
        &reader_->parts, window, target, false, [](std::int64_t) { return true; }, with_chunk);
  }

  // Every piece of a target's statistics of a day that is one of `wanted` (bits).
  template <class F>
  base::Result<> EachTier(Window day, TargetId target, unsigned wanted, F with_chunk) {
    return EachOf(
        &reader_->tiers, day, target, true,
        [wanted](std::int64_t part) { return ((wanted >> (part % 8)) & 1U) != 0; },
        [&](std::int64_t part, ChunkReader* chunk) {
          return with_chunk(static_cast<Statistic>(part % 8), chunk);
        });
  }

  std::vector<LabelsPtr> labels;
  std::vector<Group> groups;
  std::vector<Window> windows;
  std::vector<Window> tiers;     // days that may have statistics in the range
  std::uint64_t generation = 0;  // of what is kept of chunks

 private:
  template <class P, class F>
  base::Result<> EachOf(Statement* statement, Window window, TargetId target, bool tier, P wanted,
                        F with_chunk) {
    Statement& parts = *statement;
    const Resetting reset(&parts);
    parts.Bind(1, window).Bind(2, target);
    while (true) {
      auto row = parts.Step();
      if (!row) {
        if (row.error().kind != base::ErrorKind::kCorrupt) {
          return base::Fail(std::move(row.error()));
        }
        state_->NoteDamage({window, target, -1, tier}, row.error().message);
        return {};
      }
      if (!*row) {
        return {};
      }
      if (!wanted(parts.Int(0))) {
        continue;
      }
      auto chunk = ChunkReader::Open(parts.Blob(1));
      auto done = chunk ? with_chunk(parts.Int(0), &*chunk) : base::Fail(chunk.error());
      if (!done && done.error().kind != base::ErrorKind::kCorrupt) {
        return done;
      }
      if (!done) {
        state_->NoteDamage({window, target, parts.Int(0), tier}, done.error().message);
      }
    }
  }

  base::Result<> Pin() {
    auto reader = state_->TakeReader();
    if (!reader) {
      return base::Fail(std::move(reader.error()));
    }
    reader_ = std::move(*reader);
    if (state_->read_only) {
      return {};  // pinned since it was opened
    }
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

// Which rows lie in [from, to]: [first, second).
inline std::pair<std::size_t, std::size_t> RowsIn(std::span<const model::Timestamp> times,
                                                  model::Timestamp from, model::Timestamp to) {
  const auto first = std::ranges::lower_bound(times, from) - times.begin();
  const auto last = std::ranges::upper_bound(times, to) - times.begin();
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(last)};
}

// Adds rows [first, last) of a column of `values`, by a mask or (nullptr) all.
void AppendRows(std::span<const model::Timestamp> times, const Mask* mask,
                std::span<const double> values, std::size_t first, std::size_t last,
                SeriesData* out);
// Adds samples to the end of `into`; no weights: one each.
void Add(std::span<const model::Timestamp> t, std::span<const double> v,
         std::span<const double> weight, SeriesData* into);
inline void Add(const SeriesData& piece, SeriesData* into) {
  Add(piece.t, piece.v, piece.weight, into);
}
// Times strictly ascending; of several samples at one time the one that came last.
void Normalise(SeriesData* data);

/// For whom statistics of five minutes are read.
struct Condensing {
  const Hints& hints;
  model::Timestamp from;  // milliseconds, both inclusive
  model::Timestamp to;
  std::int64_t window_ms;
  const std::set<Window>& raw;  // windows that still have the target's samples: they count
  std::size_t room;             // so many samples at most
};
/// Appends to `out`, by the group's series, what stands for samples that are gone. Unreadable
/// pieces are noted and passed over. False: there is more than room for.
base::Result<bool> ReadTiers(Snapshot* snapshot, const Group& group, const Condensing& what,
                             std::vector<SeriesData>* out);

}  // namespace store
