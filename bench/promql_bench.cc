// PromQL over series in memory: 100 series, 24 hours at 5 seconds, as a board asks.
#include <benchmark/benchmark.h>

#include <cmath>

#include "promql/engine.h"

namespace {

/// Series whose samples are kept as columns, so that reading them costs a copy and nothing else.
class Columns : public store::Querier {
 public:
  Columns() {
    for (int s = 0; s < 100; ++s) {
      store::SeriesData series;
      series.labels = std::make_shared<model::Labels>(model::Labels{
          {"__name__", "m"}, {"target", "web" + std::to_string(s)}, {"site", s % 2 ? "a" : "b"}});
      for (int i = 0; i < 17'280; ++i) {
        series.t.push_back(i * 5000);
        series.v.push_back(std::floor(50 + 40 * std::sin(i * 0.01 + s)));
      }
      series_.push_back(std::move(series));
    }
  }
  base::Result<std::vector<store::SeriesData>> Select(const std::vector<store::Matcher>&,
                                                      model::Timestamp,
                                                      model::Timestamp) const override {
    return series_;
  }
  base::Result<std::vector<std::shared_ptr<const model::Labels>>> Series(
      const std::vector<store::Matcher>&, model::Timestamp, model::Timestamp) const override {
    return {};
  }
  base::Result<std::vector<std::string>> LabelNames(const std::vector<store::Matcher>&,
                                                    model::Timestamp,
                                                    model::Timestamp) const override {
    return {};
  }
  base::Result<std::vector<std::string>> LabelValues(const std::string&,
                                                     const std::vector<store::Matcher>&,
                                                     model::Timestamp,
                                                     model::Timestamp) const override {
    return {};
  }

 private:
  std::vector<store::SeriesData> series_;
};

void Day(benchmark::State& state, const char* query) {
  static const Columns columns;
  const auto expr = *promql::ParseExpr(query);
  const promql::Engine engine(&columns);
  for (auto _ : state) {
    auto answer = engine.Range(*expr, 0, 86'400'000, 60'000);
    benchmark::DoNotOptimize(answer);
  }
}

BENCHMARK_CAPTURE(Day, selector, "m")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Day, rate, "rate(m[5m])")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Day, avg_over_time, "avg_over_time(m[5m])")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Day, sum_by, "sum by (site) (m)")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Day, ratio, "m / on (target) m > 0.5")->Unit(benchmark::kMillisecond);

void Parse(benchmark::State& state) {
  for (auto _ : state) {
    auto expr = promql::ParseExpr(
        "sum by (site) (rate(m{target=~\"web.*\"}[5m])) / on (site) group_left sum(m) > 0.5");
    benchmark::DoNotOptimize(expr);
  }
}
BENCHMARK(Parse);

}  // namespace
