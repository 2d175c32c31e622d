// Tier: five minutes of a series as a few numbers, for the time after its samples are gone. What
// docs/formats/store.md calls "Tiers".
#pragma once

#include <array>
#include <cstdint>

#include "store/head.h"
#include "store/querier.h"

namespace store {

inline constexpr std::int64_t kTierMs = 300'000;

/// What is kept of the samples in [T, T + 5 min). Staleness markers count only for kLast.
enum class Statistic : std::uint8_t {
  kLast = 0,   ///< the newest value, or the staleness marker
  kMin = 1,    ///< NaN only when all are
  kMax = 2,    ///< NaN only when all are
  kSum = 3,    ///< exact when all are decimals
  kCount = 4,  ///< how many
  kDrops = 5,  ///< only where a counter was reset: the values before each drop, added up
};
inline constexpr std::size_t kStatistics = 6;

/// A table for each statistic; the rows' times are those T.
using TierTables = std::array<Table, kStatistics>;

/// Adds what `raw` comes to, which must hold all samples of the five minutes that it touches.
/// `before`: the last values of earlier rows that are not in `out`, for drops at the seam; may be
/// nullptr.
void AddToTier(const Table& raw, const Table* before, TierTables* out);

/// The value of a series in the newest row before `t`, not older than an hour; NaN when there is
/// none.
double ValueBefore(const Table& table, SeriesId series, model::Timestamp t);

/// Which statistics a use of samples needs, as bits (1 << Statistic); 0: five minutes are too
/// coarse for it.
unsigned StatisticsFor(const Hints& hints);

/// One row of a series, NaN where a statistic is not there.
struct TierRow {
  model::Timestamp t = 0;
  std::array<double, kStatistics> v{};
  unsigned have = 0;  ///< bits as in StatisticsFor
};
/// Appends what stands for the row in a query: the same functions over it come to what they would
/// over the raw samples, or near (docs/store.md says where). `previous`: the last value of the row
/// five minutes before, NaN when there is none.
void AppendTierRow(const TierRow& row, double previous, const Hints& hints, SeriesData* out);

}  // namespace store
