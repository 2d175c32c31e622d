// The engine's limits, its errors, and that it reads each selector once.
#include "promql/engine.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "promql/memory_querier.h"

namespace promql {
namespace {

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    for (int i = 0; i < 100; ++i) {
      data.Add({{"__name__", "a"}, {"x", "1"}}, i * 1000, i);
      data.Add({{"__name__", "a"}, {"x", "2"}}, i * 1000, -i);
    }
  }
  base::Result<Answer> Range(std::string_view text, model::Timestamp end = 99'000,
                             std::int64_t step = 1000) {
    return Engine(&data, limits).Range(**ParseExpr(text), 0, end, step);
  }
  base::Result<Answer> Instant(std::string_view text) {
    return Engine(&data, limits).Instant(**ParseExpr(text), 99'000);
  }

  MemoryQuerier data;
  Limits limits;
};

TEST_F(EngineTest, ReadsEachSelectorOnceHoweverManySteps) {
  ASSERT_TRUE(Range("sum(rate(a[10s])) + a offset 5s - max_over_time(a[1m:5s])"));
  EXPECT_EQ(data.selects, 3);
}

TEST_F(EngineTest, SortsAMatrixByLabels) {
  const auto answer = Range("sort_desc(-a)");
  ASSERT_TRUE(answer);
  const auto& matrix = std::get<Matrix>(answer->value);
  ASSERT_EQ(matrix.size(), 2U);
  EXPECT_LT(*matrix[0].labels, *matrix[1].labels);
  EXPECT_EQ(matrix[0].points.size(), 100U);
  EXPECT_EQ(matrix[0].points[7], (model::Point{7000, -7}));
}

TEST_F(EngineTest, GivesEachTypeOfValue) {
  EXPECT_EQ(TypeOf(Instant("1")->value), ValueType::kScalar);
  EXPECT_EQ(TypeOf(Instant("a")->value), ValueType::kVector);
  EXPECT_EQ(TypeOf(Instant("a[5s]")->value), ValueType::kMatrix);
  EXPECT_EQ(TypeOf(Instant("(a[5s:1s])")->value), ValueType::kMatrix);
  EXPECT_EQ(TypeOf(Instant("('x')")->value), ValueType::kString);
  const auto matrix = std::get<Matrix>(Instant("a{x='1'}[2s] offset 1s")->value);
  EXPECT_EQ(matrix.at(0).points,
            (std::vector<model::Point>{{96'000, 96}, {97'000, 97}, {98'000, 98}}));
}

TEST_F(EngineTest, KeepsItsLimits) {
  limits.max_steps = 50;
  EXPECT_EQ(Range("a").error().kind, base::ErrorKind::kRefused);
  limits = {};
  limits.max_samples = 150;
  EXPECT_EQ(Range("a").error().message,
            "query processing would load too many samples into memory in query execution");
  EXPECT_EQ(Instant("max_over_time(vector(1)[1y:1ms])").error().kind, base::ErrorKind::kRefused);
  limits = {};
  limits.timeout = {};
  EXPECT_EQ(Range("a").error().kind, base::ErrorKind::kDeadline);
  limits = {};
  const std::atomic<bool> cancelled = true;
  limits.cancelled = &cancelled;
  EXPECT_EQ(Instant("a").error().kind, base::ErrorKind::kCancelled);
}

TEST_F(EngineTest, RefusesWhatIsNoRange) {
  EXPECT_EQ(Range("a[5s]").error().message,
            "invalid expression type \"range vector\" for range query, must be Scalar or instant "
            "Vector");
  EXPECT_EQ(Range("'x'").error().kind, base::ErrorKind::kInvalid);
  EXPECT_EQ(Range("a", 99'000, 0).error().kind, base::ErrorKind::kInvalid);
  EXPECT_EQ(Range("a", -1).error().kind, base::ErrorKind::kInvalid);
  EXPECT_EQ(Range("a", INT64_MAX).error().kind, base::ErrorKind::kInvalid);
  EXPECT_EQ(Instant("histogram_count(a)").error().message,
            "function \"histogram_count\" is not supported yet: native histograms are not stored");
}

TEST_F(EngineTest, HasNoTroubleWithExtremeTimes) {
  for (const char* text : {"a @ 9e15", "a @ -9e15", "rate(a[290y] offset 290y)", "a offset -290y",
                           "max_over_time(a[5m:1m] @ 9e15)", "year(vector(1e300))",
                           "year(vector(NaN))", "day_of_week(vector(-1e18))"}) {
    EXPECT_TRUE(Instant(text)) << text;
  }
}

TEST_F(EngineTest, AveragesOfManyWindowsAreThoseOfEachAlone) {
  std::mt19937_64 rng(1);
  const auto any = [&rng] { return std::ldexp(static_cast<double>(rng() >> 11), -53) - 0.5; };
  for (const double size : {1e2, 1e9, 1e-100, 1e-306, 1e307, 1.79e308, 5e-324}) {
    MemoryQuerier many;
    for (int i = 0; i < 300; ++i) {
      const double v = rng() % 8 == 0 ? 0.0 : any() * size;
      many.Add({{"__name__", "b"}, {"of", "any"}}, i * 1000, v);
      many.Add({{"__name__", "b"}, {"of", "whole"}}, i * 1000, std::floor(v));
      many.Add({{"__name__", "b"}, {"of", "odd"}}, i * 1000, i == 150 ? HUGE_VAL : -v);
    }
    const Engine engine(&many, limits);
    for (const std::string window : {"1s", "12s", "61s"}) {
      const auto expr = *ParseExpr("avg_over_time(b[" + window + "])");
      const auto answer = engine.Range(*expr, 0, 299'000, 1000);
      ASSERT_TRUE(answer);
      for (const MatrixSeries& series : std::get<Matrix>(answer->value)) {
        for (const model::Point& point : series.points) {
          const auto alone = engine.Instant(*expr, point.t);
          for (const auto& [labels, t, v] : std::get<Vector>(alone->value)) {
            if (*labels == *series.labels) {
              EXPECT_EQ(std::bit_cast<std::uint64_t>(v), std::bit_cast<std::uint64_t>(point.v))
                  << v << " " << point.v << " of " << size << " at " << t;
            }
          }
        }
      }
    }
  }
}

TEST_F(EngineTest, AtStartAndEndAreThoseOfTheQuery) {
  const auto answer = Range("a{x='1'} @ end() - a{x='1'} @ start()");
  ASSERT_TRUE(answer);
  for (const model::Point& point : std::get<Matrix>(answer->value).at(0).points) {
    EXPECT_EQ(point.v, 99);
  }
}

}  // namespace
}  // namespace promql
