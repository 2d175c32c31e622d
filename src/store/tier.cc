// Samples into statistics of five minutes, and back into what queries need.
#include "store/tier.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "store/decimal.h"

namespace store {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr model::Timestamp kSeam = 3'600'000;  // a value older than this is no neighbour
constexpr std::size_t kDropsOfACounter = 16;   // at most one sample in so many is a drop

constexpr unsigned Bit(Statistic s) { return 1U << static_cast<unsigned>(s); }

// A sum that stays a decimal when all its parts are.
class DecimalSum {
 public:
  void Add(double v) {
    plain_ += v;
    if (!exact_) {
      return;
    }
    std::int64_t m = 0;
    const int e = DecimalExponent(v, exponent_, &m);
    if (e < 0) {
      exact_ = false;
      return;
    }
    for (; exponent_ < static_cast<unsigned>(e); ++exponent_) {
      exact_ = exact_ && !__builtin_mul_overflow(sum_, std::int64_t{10}, &sum_);
    }
    exact_ = exact_ && !__builtin_add_overflow(sum_, m, &sum_);
  }
  [[nodiscard]] double Total() const {
    constexpr std::int64_t kWhole = 1LL << 53;
    return exact_ && sum_ < kWhole && sum_ > -kWhole ? FromDecimal(sum_, exponent_) : plain_;
  }

 private:
  bool exact_ = true;
  unsigned exponent_ = 0;
  std::int64_t sum_ = 0;
  double plain_ = 0;
};

// One series' five minutes while they are gathered.
struct Bucket {
  model::Timestamp t = -1;
  double last = 0;
  double min = 0;
  double max = 0;
  double drops = 0;
  std::size_t count = 0;
  DecimalSum sum;

  void Add(double v) {
    last = v;
    if (model::IsStale(v)) {
      return;
    }
    min = count == 0 || std::isnan(min) ? v : std::min(min, v);
    max = count == 0 || std::isnan(max) ? v : std::max(max, v);
    sum.Add(v);
    ++count;
  }
};

void Put(Statistic what, SeriesId series, model::Timestamp t, double v, TierTables* out) {
  (*out)[static_cast<std::size_t>(what)].Insert(Row{.t = t, .series = {series}, .values = {v}});
}

void PutBucket(const Bucket& bucket, SeriesId series, TierTables* out) {
  if (bucket.t < 0) {
    return;
  }
  Put(Statistic::kLast, series, bucket.t, bucket.last, out);
  if (bucket.count == 0) {
    return;
  }
  Put(Statistic::kMin, series, bucket.t, bucket.min, out);
  Put(Statistic::kMax, series, bucket.t, bucket.max, out);
  Put(Statistic::kSum, series, bucket.t, bucket.sum.Total(), out);
  Put(Statistic::kCount, series, bucket.t, static_cast<double>(bucket.count), out);
  if (bucket.drops > 0) {
    Put(Statistic::kDrops, series, bucket.t, bucket.drops, out);
  }
}

// Whether drops of these values may be resets of a counter: there are few, and nothing below zero.
bool MayBeCounter(const std::vector<double>& values) {
  std::size_t drops = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0) {
      return false;
    }
    drops += i > 0 && values[i] < values[i - 1] ? 1 : 0;
  }
  return drops <= std::max<std::size_t>(1, values.size() / kDropsOfACounter);
}

void AddColumn(const Table::Column& column, const std::vector<model::Timestamp>& times,
               double previous, TierTables* out) {
  const bool counter = MayBeCounter(column.values);
  Bucket bucket;
  std::size_t next = 0;
  for (std::size_t row = 0; row < times.size() && next < column.values.size(); ++row) {
    if (!HasRow(column.mask, row)) {
      continue;
    }
    const double v = column.values[next++];
    const model::Timestamp t = times[row] - times[row] % kTierMs;
    if (t != bucket.t) {
      PutBucket(bucket, column.series, out);
      bucket = Bucket{.t = t};
    }
    if (counter && v < previous) {
      bucket.drops += previous;
    }
    previous = model::IsStale(v) ? previous : v;
    bucket.Add(v);
  }
  PutBucket(bucket, column.series, out);
}

}  // namespace

double ValueBefore(const Table& table, SeriesId series, model::Timestamp t) {
  const Table::Column* column = table.Find(series);
  if (column == nullptr) {
    return kNaN;
  }
  const auto& times = table.times();
  auto row = static_cast<std::size_t>(std::ranges::lower_bound(times, t) - times.begin());
  while (row > 0 && times[row - 1] >= t - kSeam) {
    --row;
    if (HasRow(column->mask, row)) {
      const double v = column->values[Rank(column->mask, row)];
      return model::IsStale(v) ? kNaN : v;
    }
  }
  return kNaN;
}

void AddToTier(const Table& raw, const Table* before, TierTables* out) {
  if (raw.times().empty()) {
    return;
  }
  const model::Timestamp first = raw.times().front() - raw.times().front() % kTierMs;
  const Table& last = (*out)[static_cast<std::size_t>(Statistic::kLast)];
  for (const Table::Column& column : raw.columns()) {
    double previous = ValueBefore(last, column.series, first);
    if (std::isnan(previous) && before != nullptr) {
      previous = ValueBefore(*before, column.series, first);
    }
    AddColumn(column, raw.times(), previous, out);
  }
}

unsigned StatisticsFor(const Hints& hints) {
  const auto is = [&](std::string_view name) { return hints.function == name; };
  if (hints.range_ms == 0) {
    return Bit(Statistic::kLast);
  }
  if (hints.range_ms < kTierMs) {
    return 0;
  }
  if (is("min_over_time")) {
    return Bit(Statistic::kMin);
  }
  if (is("max_over_time")) {
    return Bit(Statistic::kMax);
  }
  if (is("sum_over_time")) {
    return Bit(Statistic::kSum);
  }
  if (is("avg_over_time")) {
    return Bit(Statistic::kSum) | Bit(Statistic::kCount);
  }
  if (is("count_over_time")) {
    return Bit(Statistic::kCount);
  }
  if (is("rate") || is("increase") || is("resets")) {
    return Bit(Statistic::kLast) | Bit(Statistic::kDrops);
  }
  return Bit(Statistic::kLast);
}

void AppendTierRow(const TierRow& row, double previous, const Hints& hints, SeriesData* out) {
  const unsigned wanted = StatisticsFor(hints);
  const model::Timestamp end = row.t + kTierMs - 1;
  const auto has = [&](Statistic s) { return (row.have & Bit(s)) != 0; };
  const auto value = [&](Statistic s) { return row.v[static_cast<std::size_t>(s)]; };
  const auto add = [&](model::Timestamp t, double v) {
    out->t.push_back(t);
    out->v.push_back(v);
  };
  if ((wanted & Bit(Statistic::kDrops)) != 0) {
    if (!has(Statistic::kLast)) {
      return;
    }
    // Two samples each five minutes at least, so that a window of five has a rate.
    if (!std::isnan(previous)) {
      add(row.t, previous);
    }
    if (has(Statistic::kDrops)) {
      // Falls from what was lost to nothing and begins anew: the increase is the true one.
      add(end - 2, value(Statistic::kDrops));
      add(end - 1, 0);
    }
    add(end, value(Statistic::kLast));
    return;
  }
  for (std::size_t s = 0; s < kStatistics; ++s) {
    if (((wanted & ~row.have) & (1U << s)) != 0) {
      return;
    }
  }
  if ((wanted & Bit(Statistic::kCount)) != 0) {
    const double count = value(Statistic::kCount);
    add(end, (wanted & Bit(Statistic::kSum)) != 0 ? value(Statistic::kSum) / count : 0);
    out->weight.resize(out->t.size() - 1, 1);
    out->weight.push_back(count);
    return;
  }
  for (std::size_t s = 0; s < kStatistics; ++s) {
    if ((wanted & (1U << s)) != 0) {
      add(end, row.v[s]);
    }
  }
}

}  // namespace store
