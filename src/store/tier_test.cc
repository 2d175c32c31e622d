// Statistics of five minutes: right to the sample, there when the samples are gone, and deleted by
// their own age.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "store/database.h"
#include "store/store_testing.h"
#include "store/tier.h"

namespace store {
namespace {

using testing::MakeBatch;
using testing::Match;
using testing::MustOpen;
using testing::MustSelect;

constexpr model::Timestamp kStart = 1'700'006'400'000;  // a whole day
constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kStep = 10'000;

StoreOptions TierOptions(const std::string& dir) {
  StoreOptions options;
  options.dir = dir;
  options.window = std::chrono::hours(2);
  options.retention_age = std::chrono::hours(24 * 3);
  options.tier_age = std::chrono::hours(24 * 30);
  return options;
}

double Gauge(std::int64_t n) {
  return std::round(5000 + 4000 * std::sin(static_cast<double>(n) / 700)) / 100;
}
// Begins anew every 777 samples and then grows beyond what it had.
double CounterAt(std::int64_t n) {
  const std::int64_t since = n % 777;
  return static_cast<double>(since * since * 8 + since);
}

class TierTest : public ::testing::Test {
 protected:
  void Fill(Store* store, std::int64_t samples, std::int64_t from = 0) {
    std::vector<model::Batch> batches;
    for (std::int64_t n = from; n < from + samples; ++n) {
      batches.push_back(MakeBatch(
          "a", kStart + n * kStep + 1000,
          {{"gauge", n % 1000 == 500 ? model::StaleNaN() : Gauge(n)}, {"counter", CounterAt(n)}}));
      if (batches.size() == 720) {
        ASSERT_TRUE(store->AppendMany(batches).has_value());
        batches.clear();
      }
    }
    ASSERT_TRUE(store->AppendMany(batches).has_value());
  }
  void MaintainAt(Store* store, model::Timestamp t) {
    clock_.Advance(base::FromMs(t) - base::Clock::Now());
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(store->Maintain(base::FromMs(t)).has_value());
    }
  }
  // What Each gives for a series.
  static SeriesData One(const Store& store, const std::string& name, const Hints& hints,
                        model::Timestamp from = 0, model::Timestamp to = INT64_MAX) {
    SeriesData out;
    const auto done = store.Each({Match("__name__", name)}, from, to, &hints,
                                 [&](std::size_t, const SeriesView& one) -> base::Result<> {
                                   out.t.assign(one.t.begin(), one.t.end());
                                   out.v.assign(one.v.begin(), one.v.end());
                                   out.weight.assign(one.weight.begin(), one.weight.end());
                                   return {};
                                 });
    EXPECT_TRUE(done.has_value());
    return out;
  }
  // The same by time.
  static std::map<model::Timestamp, double> Get(const Store& store, const std::string& name,
                                                const Hints& hints, model::Timestamp from = 0,
                                                model::Timestamp to = INT64_MAX) {
    std::map<model::Timestamp, double> out;
    const SeriesData one = One(store, name, hints, from, to);
    for (std::size_t i = 0; i < one.t.size(); ++i) {
      out[one.t[i]] = one.v[i];
    }
    return out;
  }

  testing::TempDir dir_;
  base::FrozenClock clock_{base::FromMs(kStart + kDay)};
};

TEST_F(TierTest, StatisticsAreThoseOfTheSamplesThatAreGone) {
  const std::int64_t samples = kDay / kStep;
  auto store = MustOpen(TierOptions(dir_.path()));
  Fill(store.get(), samples);
  MaintainAt(store.get(), kStart + 10 * kDay);
  ASSERT_TRUE(MustSelect(*store, {Match("__name__", "gauge")}).empty());
  EXPECT_EQ(store->stats().tier_days, 1U);
  EXPECT_EQ(store->stats().series, 2U);
  for (const bool again : {false, true}) {
    if (again) {  // from disk
      store.reset();
      store = MustOpen(TierOptions(dir_.path()));
    }
    const auto least = Get(*store, "gauge", {kHour, "min_over_time"});
    const auto most = Get(*store, "gauge", {kHour, "max_over_time"});
    const auto sum = Get(*store, "gauge", {kHour, "sum_over_time"});
    const auto last = Get(*store, "gauge", {});
    const SeriesData counted = One(*store, "gauge", {kHour, "avg_over_time"});
    ASSERT_EQ(counted.weight.size(), 288U);
    ASSERT_EQ(least.size(), 288U);
    for (std::int64_t bucket = 0; bucket < 288; ++bucket) {
      const model::Timestamp end = kStart + (bucket + 1) * kTierMs - 1;
      double low = INFINITY;
      double high = -INFINITY;
      std::int64_t total = 0;  // hundredths
      double count = 0;
      double newest = 0;
      for (std::int64_t n = bucket * 30; n < (bucket + 1) * 30; ++n) {
        newest = n % 1000 == 500 ? model::StaleNaN() : Gauge(n);
        if (!model::IsStale(newest)) {
          low = std::min(low, newest);
          high = std::max(high, newest);
          total += std::llround(newest * 100);
          ++count;
        }
      }
      EXPECT_EQ(least.at(end), low);
      EXPECT_EQ(most.at(end), high);
      EXPECT_EQ(sum.at(end), static_cast<double>(total) / 100);
      EXPECT_EQ(counted.weight[static_cast<std::size_t>(bucket)], count);
      EXPECT_TRUE(last.at(end) == newest ||
                  (model::IsStale(last.at(end)) && model::IsStale(newest)))
          << bucket;
    }
    EXPECT_TRUE(Get(*store, "gauge", {kHour / 60, "max_over_time"}).empty())
        << "a minute of five is not known";
  }
}

TEST_F(TierTest, ResetsOfACounterAreNotLost) {
  const std::int64_t samples = kDay / kStep;
  auto store = MustOpen(TierOptions(dir_.path()));
  Fill(store.get(), samples);
  MaintainAt(store.get(), kStart + 10 * kDay);
  double truth = 0;
  for (std::int64_t n = 1; n < samples; ++n) {
    const double before = CounterAt(n - 1);
    const double now = CounterAt(n);
    truth += now < before ? now : now - before;
  }
  const auto kept = Get(*store, "counter", {kHour, "increase"});
  double increase = 0;
  double before = kept.begin()->second;
  for (const auto& [t, v] : kept) {
    increase += v < before ? v : v - before;
    before = v;
  }
  EXPECT_NEAR(increase, truth - CounterAt(29), 1e-6);  // the first row has no neighbour
}

TEST_F(TierTest, WhereThereAreSamplesTheyCount) {
  const std::int64_t samples = 2 * kDay / kStep;
  clock_.Advance(std::chrono::hours(24));
  auto options = TierOptions(dir_.path());
  options.tier_after = std::chrono::hours(1);
  auto store = MustOpen(options);
  Fill(store.get(), samples);
  MaintainAt(store.get(), kStart + 2 * kDay + kHour);
  EXPECT_EQ(store->stats().tier_days, 2U);
  const Hints hints{kHour, "max_over_time"};
  EXPECT_EQ(Get(*store, "gauge", hints).size(), static_cast<std::size_t>(samples));
  // The first day goes; at the seam nothing is missing and nothing twice.
  MaintainAt(store.get(), kStart + 4 * kDay);
  const auto mixed = Get(*store, "gauge", hints);
  EXPECT_EQ(mixed.size(), 288U + static_cast<std::size_t>(kDay / kStep));
  EXPECT_EQ(std::next(mixed.begin(), 287)->first, kStart + kDay - 1);
  EXPECT_EQ(std::next(mixed.begin(), 288)->first, kStart + kDay + 1000);
  const auto report = store->Check();
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->problems, ::testing::IsEmpty());
}

TEST_F(TierTest, LateSamplesChangeWhatIsKept) {
  auto options = TierOptions(dir_.path());
  options.tier_after = std::chrono::hours(1);
  auto store = MustOpen(options);
  Fill(store.get(), kDay / kStep);
  MaintainAt(store.get(), kStart + kDay + 3 * kHour);
  ASSERT_TRUE(store->Append(MakeBatch("a", kStart + 5 * kHour, {{"gauge", 4711}})).has_value());
  MaintainAt(store.get(), kStart + kDay + 4 * kHour);
  MaintainAt(store.get(), kStart + 10 * kDay);
  const auto most = Get(*store, "gauge", {kHour, "max_over_time"});
  EXPECT_EQ(most.size(), 288U);
  EXPECT_EQ(most.at(kStart + 5 * kHour + kTierMs - 1), 4711);
}

TEST_F(TierTest, TheyGoByTheirOwnAgeAndTheSeriesWithThem) {
  auto store = MustOpen(TierOptions(dir_.path()));
  Fill(store.get(), kDay / kStep);
  MaintainAt(store.get(), kStart + 10 * kDay);
  const auto series = store->Series({Match("__name__", "gauge")}, kStart, kStart + kDay);
  ASSERT_TRUE(series.has_value());
  EXPECT_EQ(series->size(), 1U);
  EXPECT_TRUE(store->Series({Match("__name__", "gauge")}, kStart + 2 * kDay, INT64_MAX)->empty());
  // A leap of the clock deletes nothing for an hour.
  clock_.SetWall(base::FromMs(kStart + 40 * kDay));
  MaintainAt(store.get(), kStart + 40 * kDay);
  EXPECT_EQ(store->stats().series, 2U);
  MaintainAt(store.get(), kStart + 40 * kDay + 2 * kHour);
  EXPECT_EQ(store->stats().tier_days, 0U);
  EXPECT_EQ(store->stats().series, 0U);
}

TEST_F(TierTest, ADamagedDayIsSetAside) {
  auto store = MustOpen(TierOptions(dir_.path()));
  Fill(store.get(), kDay / kStep);
  MaintainAt(store.get(), kStart + 10 * kDay);
  store.reset();
  {
    auto db = Database::Open(dir_.database());
    ASSERT_TRUE(db.has_value());
    ASSERT_TRUE(db->Exec("UPDATE tier SET data = zeroblob(99) WHERE part = 2").has_value());
  }
  store = MustOpen(TierOptions(dir_.path()));
  EXPECT_EQ(store->Check()->problem_count, 1U);
  EXPECT_TRUE(Get(*store, "gauge", {kHour, "max_over_time"}).empty());
  EXPECT_EQ(Get(*store, "gauge", {kHour, "min_over_time"}).size(), 288U);
  MaintainAt(store.get(), kStart + 10 * kDay);
  const auto report = store->Check();
  EXPECT_EQ(report->problem_count, 0U);
  ASSERT_EQ(report->aside.size(), 1U);
  EXPECT_EQ(report->aside[0].source, "tier");
  EXPECT_EQ(report->aside[0].target, "a");
}

}  // namespace
}  // namespace store
