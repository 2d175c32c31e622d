// Engine: evaluates PromQL over series, column by column: each selector is read once, each series
// is walked once over all steps.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/labels.h"
#include "model/sample.h"
#include "promql/expr.h"
#include "store/querier.h"

namespace promql {

using LabelsPtr = std::shared_ptr<const model::Labels>;

struct Scalar {
  model::Timestamp t = 0;
  double v = 0;
};
struct String {
  model::Timestamp t = 0;
  std::string v;
};
struct VectorSample {
  LabelsPtr labels;
  model::Timestamp t = 0;
  double v = 0;
};
using Vector = std::vector<VectorSample>;
struct MatrixSeries {
  LabelsPtr labels;
  std::vector<model::Point> points;
};
using Matrix = std::vector<MatrixSeries>;
/// What an expression comes to.
using Value = std::variant<Scalar, Vector, Matrix, String>;
/// The type of a value, as JSON answers call it: ToString(TypeOf(value)).
ValueType TypeOf(const Value& value);

/// A value with what the evaluation wants to tell.
struct Answer {
  Value value;
  std::vector<std::string> warnings;
};

/// What one evaluation may cost. The defaults are Prometheus's.
struct Limits {
  base::Duration lookback = std::chrono::minutes(5);  ///< how old a sample may be and still count
  base::Duration timeout = std::chrono::minutes(2);
  base::Duration subquery_step = std::chrono::minutes(1);  ///< where a subquery gives none
  std::size_t max_samples = 50'000'000;                    ///< read and computed together
  std::size_t max_steps = 11'000;                          ///< of a range query
  const std::atomic<bool>* cancelled = nullptr;  ///< looked at between series; may be nullptr
  bool helper = false;  ///< the querier may take a second thread where much is read
};

/// Evaluates expressions over a querier that must outlive it. No state of its own: one engine may
/// serve many threads when the querier may.
///
/// Errors of both functions: kInvalid when the data cannot be worked on as asked (duplicate series,
/// bad parameter: "execution" of the HTTP API), kDeadline, kCancelled, kRefused for a limit, and
/// the querier's own.
class Engine {
 public:
  explicit Engine(const store::Querier* querier, Limits limits = {})
      : querier_(querier), limits_(limits) {}

  /// The value at one moment (milliseconds since 1970).
  [[nodiscard]] base::Result<Answer> Instant(const Expr& expr, model::Timestamp at) const;
  /// A matrix of the values at start, start + step, … up to end (milliseconds; step > 0), sorted by
  /// labels.
  [[nodiscard]] base::Result<Answer> Range(const Expr& expr, model::Timestamp start,
                                           model::Timestamp end, std::int64_t step) const;

 private:
  const store::Querier* querier_;
  Limits limits_;
};

}  // namespace promql
