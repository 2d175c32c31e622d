// Evaluator: one evaluation of one expression over its steps. Inside the room only.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "promql/engine.h"
#include "promql/frame.h"

namespace promql {

/// Keeps count of what an evaluation has cost, and of the moment at which it must end. Thread-safe.
class Budget {
 public:
  explicit Budget(const Limits& limits);
  /// Adds samples; errors: kRefused over the limit, kDeadline, kCancelled.
  base::Result<> Spend(std::size_t samples);

 private:
  const Limits& limits_;
  base::Instant deadline_;
  std::atomic<std::size_t> spent_ = 0;
};

/// Evaluates over fixed edges (what start() and end() mean).
class Evaluator {
 public:
  Evaluator(const store::Querier& querier, const Limits& limits, model::Timestamp start,
            model::Timestamp end)
      : querier_(querier), limits_(limits), budget_(limits), start_(start), end_(end) {}

  /// The value of a scalar or instant vector at each step. A scalar is one column without labels
  /// and without gaps.
  base::Result<Frame> Eval(const Expr& expr, const Steps& steps);
  /// Gives the samples of a range vector that the windows of these steps need, series by series,
  /// without staleness markers; from two threads perhaps (Limits::helper). `function` takes them;
  /// "" when nothing does.
  base::Result<> EachRange(const Expr& expr, const Steps& steps, std::string_view function,
                           const store::SeriesSink& sink);
  /// How a range vector (a matrix selector or a subquery) is cut into windows.
  [[nodiscard]] RangeShape ShapeOf(const Expr& expr) const;

 private:
  base::Result<Frame> EvalAll(const Expr& expr, const Steps& steps);
  base::Result<Frame> Constant(double value, const Steps& steps);
  base::Result<Frame> Selector(const Expr& expr, const Steps& steps, bool timestamps = false);
  base::Result<> Subquery(const Expr& expr, const Steps& steps, const store::SeriesSink& sink);
  base::Result<Frame> Unary(const Expr& expr, const Steps& steps);
  base::Result<Frame> Binary(const Expr& expr, const Steps& steps);
  base::Result<Frame> Aggregate(const Expr& expr, const Steps& steps);
  base::Result<Frame> Call(const Expr& expr, const Steps& steps);
  base::Result<Frame> RangeCall(const Expr& expr, std::size_t range_arg, const Steps& steps);
  base::Result<Frame> LabelCall(const Expr& expr, const Steps& steps);
  base::Result<Frame> TimeCall(const Expr& expr, const Steps& steps);
  base::Result<Frame> VectorCall(const Expr& expr, const Steps& steps);
  base::Result<> Each(const Expr& selector, model::Timestamp from, model::Timestamp to,
                      store::Hints hints, const store::SeriesSink& sink);
  /// The moment of an @ modifier, nullopt without one.
  [[nodiscard]] std::optional<model::Timestamp> FixedAt(const Expr& expr) const;

  const store::Querier& querier_;
  const Limits& limits_;
  Budget budget_;
  model::Timestamp start_;
  model::Timestamp end_;
};

/// Whether the expression has one value at all steps (Prometheus: step invariant).
bool IsInvariant(const Expr& expr);

/// Operations between vectors; `expr` is the binary expression.
base::Result<Frame> VectorSets(const Expr& expr, Frame left, Frame right, std::size_t steps);
base::Result<Frame> VectorMath(const Expr& expr, Frame left, Frame right, std::size_t steps,
                               Budget& budget);
/// One operation on two numbers. For comparisons `keep` tells whether it holds and the value is the
/// left one.
double Compute(Op op, double left, double right, bool& keep);
/// Whether the operation takes the metric's name away.
bool DropsName(Op op);

/// An aggregation; `parameter` is the column of its number (nullptr without), `text` its string.
base::Result<Frame> Aggregated(const Expr& expr, const Frame& input,
                               const std::vector<double>* parameter, const std::string& text,
                               std::size_t steps, Budget& budget);

/// What a function over a range gets to see at one step.
struct Window {
  const model::Timestamp* t = nullptr;
  const double* v = nullptr;
  const double* weight = nullptr;  ///< raw samples that each stands for; nullptr: one each
  std::size_t size = 0;            ///< at least 1
  model::Timestamp start = 0;      ///< of the window
  model::Timestamp end = 0;
  model::Timestamp now = 0;      ///< the step
  std::int64_t range = 0;        ///< milliseconds
  const double* args = nullptr;  ///< the scalar arguments in their order
  std::size_t first = 0;         ///< the place of `t` and `v` in the series
  /// The places in the series, after `first`, whose value is below the one before; only for
  /// functions of CountsFalls.
  std::span<const std::size_t> falls;
};
/// Gives false when there is no value for this window.
using RangeFunction = bool (*)(const Window&, double& out);
/// The function over ranges called `name`, nullptr when there is none.
RangeFunction FindRangeFunction(std::string_view name);
/// Whether the function wants Window::falls.
bool CountsFalls(RangeFunction function);
/// avg_over_time of windows that lie in `v` at from[i] … to[i] (none when they are the same), those
/// of the same length together.
void AverageWindows(std::span<const double> v, std::span<const std::size_t> from,
                    std::span<const std::size_t> to, std::span<double> out);
/// Whether AverageWindows does what the function does.
bool IsAverage(RangeFunction function);
/// Function of one number, nullptr when `name` is none: abs, ceil, sin, …
using NumberFunction = double (*)(double);
NumberFunction FindNumberFunction(std::string_view name);
/// Function of a moment in seconds since 1970 (UTC), nullptr when `name` is none: hour, year, …
using DateFunction = double (*)(std::int64_t seconds);
DateFunction FindDateFunction(std::string_view name);
/// The value below which `q` of the values lie, as Prometheus interpolates; sorts them.
double Quantile(double q, std::vector<double>& values);
/// histogram_quantile over a frame of buckets.
base::Result<Frame> HistogramQuantile(const std::vector<double>& q, const Frame& input,
                                      std::size_t steps);
/// math.Max and math.Min of Go: NaN wins, but infinities win over NaN.
double GoMax(double a, double b);
double GoMin(double a, double b);
/// label_replace and label_join on a frame.
base::Result<Frame> LabelReplace(Frame input, const std::vector<std::string>& args);
base::Result<Frame> LabelJoin(Frame input, const std::vector<std::string>& args);

}  // namespace promql
