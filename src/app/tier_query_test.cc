// Queries over time whose samples are gone: what statistics of five minutes come to through PromQL,
// held against the same queries over the samples.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>

#include "base/clock.h"
#include "promql/engine.h"
#include "promql/expr.h"
#include "store/store.h"

namespace app {
namespace {

constexpr model::Timestamp kStart = 1'700'006'400'000;  // a whole day
constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kDay = 24 * kHour;

class TierQueryTest : public ::testing::Test {
 protected:
  TierQueryTest() {
    std::string name = (std::filesystem::temp_directory_path() / "raksa_tier_XXXXXX").string();
    dir_ = mkdtemp(name.data());
    raw_ = Open("raw", {});
    gone_ = Open("gone", std::chrono::hours(24 * 2));
    for (store::Store* one : {raw_.get(), gone_.get()}) {
      Fill(one);
    }
    clock_.Advance(std::chrono::hours(24 * 9));
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(gone_->Maintain(base::Clock::Now()).has_value());
    }
  }
  ~TierQueryTest() override { std::filesystem::remove_all(dir_); }

  std::unique_ptr<store::Store> Open(const std::string& name, base::Duration age) {
    store::StoreOptions options;
    options.dir = dir_ + "/" + name;
    options.retention_age = age;
    options.tier_age = std::chrono::hours(24 * 365);
    return std::move(store::Store::Open(options).value());
  }

  // A day every ten seconds, never at a whole five minutes; the counter begins anew twice in one
  // five minutes, and once with an hour missing.
  static void Fill(store::Store* store) {
    const auto labels = [](const char* name) {
      return std::make_shared<const model::Labels>(
          model::Labels{{"__name__", name}, {"target", "a"}});
    };
    const auto gauge = labels("gauge");
    const auto counter = labels("counter");
    std::vector<model::Batch> batches;
    double total = 1000;
    for (int n = 0; n < 8640; ++n) {
      if (n >= 5000 && n < 5360) {
        continue;
      }
      total = n == 2000 || n == 2010 || n == 5360 ? 3 : total + 5 + n % 7;
      batches.push_back(
          {.target = "a",
           .t = kStart + n * 10'000 + 1000,
           .samples = {{gauge, std::round(50 + 40 * std::sin(n / 300.0))}, {counter, total}}});
    }
    EXPECT_TRUE(store->AppendMany(batches).has_value());
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(store->Maintain(base::Clock::Now()).has_value());
    }
  }

  // The answer's values, of one series.
  static std::vector<model::Point> Ask(const store::Store& store, const std::string& query,
                                       std::int64_t step = kHour / 2) {
    const promql::Engine engine(&store);
    const auto answer =
        engine.Range(*promql::ParseExpr(query).value(), kStart + 3 * kHour, kStart + kDay, step);
    EXPECT_TRUE(answer.has_value()) << query << ": " << answer.error().message;
    const auto& matrix = std::get<promql::Matrix>(answer->value);
    EXPECT_EQ(matrix.size(), 1U) << query;
    return matrix.empty() ? std::vector<model::Point>{} : matrix[0].points;
  }

  void Compare(const std::string& query, double tolerance) {
    const auto raw = Ask(*raw_, query);
    const auto gone = Ask(*gone_, query);
    ASSERT_EQ(raw.size(), gone.size()) << query;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      EXPECT_EQ(raw[i].t, gone[i].t) << query;
      EXPECT_NEAR(raw[i].v, gone[i].v, std::abs(raw[i].v) * tolerance)
          << query << " at " << (raw[i].t - kStart) / 1000;
    }
  }

  std::string dir_;
  base::FrozenClock clock_{base::FromMs(kStart + kDay + 3 * kHour)};
  std::unique_ptr<store::Store> raw_;
  std::unique_ptr<store::Store> gone_;
};

TEST_F(TierQueryTest, WindowsOfWholeFiveMinutesAreExact) {
  const auto matcher = store::MakeMatcher(store::Matcher::Op::kEqual, "__name__", "gauge").value();
  ASSERT_TRUE(gone_->Select({matcher}, 0, INT64_MAX)->empty()) << "the samples must be gone";
  for (const char* function : {"min_over_time", "max_over_time", "count_over_time",
                               "last_over_time", "sum_over_time", "avg_over_time"}) {
    for (const char* range : {"[5m]", "[1h]"}) {
      Compare(std::string(function) + "(gauge" + range + ")", 1e-12);
    }
  }
  Compare("gauge", 0);
  Compare("gauge offset 1h", 0);
  Compare("count_over_time(gauge[1h:5m])", 0);
}

TEST_F(TierQueryTest, RatesKeepWhatResetsWouldLose) {
  // At the edges of the missing hour a window is carried on by up to half of five minutes, not of
  // ten seconds; a lost reset would be many times the whole.
  Compare("increase(counter[1h])", 0.1);
  Compare("rate(counter[2h])", 0.1);
  // Two resets in one five minutes, after which it grows beyond what it had before.
  const auto raw = Ask(*raw_, "increase(counter[3h])", 6 * kHour);
  const auto gone = Ask(*gone_, "increase(counter[3h])", 6 * kHour);
  ASSERT_EQ(raw.size(), gone.size());
  EXPECT_NEAR(raw[0].v, gone[0].v, raw[0].v * 0.03);
}

TEST_F(TierQueryTest, ShorterWindowsSeeNothing) {
  const promql::Engine engine(gone_.get());
  const auto answer = engine.Range(*promql::ParseExpr("max_over_time(gauge[1m])").value(),
                                   kStart + 3 * kHour, kStart + kDay, kHour);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(std::get<promql::Matrix>(answer->value).empty());
}

}  // namespace
}  // namespace app
