// Statistics of five minutes as a query needs them, for the windows whose samples are gone.
#include <array>
#include <limits>
#include <map>

#include "store/snapshot.h"

namespace store {
namespace {

using RowsByTime = std::map<model::Timestamp, TierRow>;

// One statistic of the group's series, into their rows.
base::Result<> TakeStatistic(const Group& group, Statistic what, ChunkReader* chunk,
                             std::vector<RowsByTime>* rows, std::vector<double>* scratch) {
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
    scratch->resize(*mask == nullptr ? times->size() : CountRows(**mask));
    if (auto done = chunk->Decode(*column, *scratch); !done) {
      return done;
    }
    std::size_t next = 0;
    for (std::size_t row = 0; row < times->size(); ++row) {
      if (*mask == nullptr || HasRow(**mask, row)) {
        TierRow& one = (*rows)[i][(*times)[row]];
        one.t = (*times)[row];
        one.v[static_cast<std::size_t>(what)] = (*scratch)[next++];
        one.have |= 1U << static_cast<unsigned>(what);
      }
    }
  }
  return {};
}

// The newest row of a series so far.
struct Before {
  model::Timestamp t = -1;
  double v = 0;
};

void AppendRows(const RowsByTime& rows, const Condensing& what, Before* last, SeriesData* out) {
  for (const auto& [t, row] : rows) {
    const bool gone = !what.raw.contains(t - t % what.window_ms);
    if (gone && t + kTierMs > what.from && t + kTierMs - 1 <= what.to) {
      const bool neighbours = last->t == t - kTierMs;
      AppendTierRow(row, neighbours ? last->v : std::numeric_limits<double>::quiet_NaN(),
                    what.hints, out);
    }
    *last = {t, row.v[static_cast<std::size_t>(Statistic::kLast)]};
  }
}

}  // namespace

base::Result<bool> ReadTiers(Snapshot* snapshot, const Group& group, const Condensing& what,
                             std::vector<SeriesData>* out) {
  std::vector<Before> last(group.series.size());
  std::vector<double> scratch;
  for (const Window day : snapshot->tiers) {
    std::vector<RowsByTime> rows(group.series.size());
    auto done = snapshot->EachTier(day, group.target, StatisticsFor(what.hints),
                                   [&](Statistic statistic, ChunkReader* chunk) {
                                     return TakeStatistic(group, statistic, chunk, &rows, &scratch);
                                   });
    if (!done) {
      return base::Fail(std::move(done.error()));
    }
    std::size_t samples = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      AppendRows(rows[i], what, &last[i], &(*out)[i]);
      samples += (*out)[i].v.size();
    }
    if (samples > what.room) {
      return false;
    }
  }
  return true;
}

}  // namespace store
