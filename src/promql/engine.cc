// The engine's door: instant and range queries, their checks and the shape of their answers.
#include "promql/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "promql/evaluator.h"
#include "promql/number.h"

namespace promql {
namespace {

/// Beyond it, differences of times would not fit their type.
constexpr model::Timestamp kFar = 4'000'000'000'000'000'000;
bool TooFar(model::Timestamp t) { return t > kFar || t < -kFar; }

base::Result<Answer> OutOfBounds() {
  return base::Fail(base::ErrorKind::kInvalid, "timestamp out of bounds");
}

Matrix ToMatrix(Frame frame, const Steps& steps) {
  Matrix out;
  out.reserve(frame.size());
  for (Column& column : frame) {
    MatrixSeries series{std::move(column.labels), {}};
    series.points.reserve(steps.count);
    for (std::size_t i = 0; i < steps.count; ++i) {
      if (IsPresent(column.v[i])) {
        series.points.push_back({steps.At(i), column.v[i]});
      }
    }
    column.v = {};
    if (!series.points.empty()) {
      out.push_back(std::move(series));
    }
  }
  return out;
}

/// The samples of a range vector at one moment.
base::Result<Matrix> WindowsAt(Evaluator& evaluator, const Expr& expr, model::Timestamp at) {
  const RangeShape shape = evaluator.ShapeOf(expr);
  const model::Timestamp end = shape.WindowEnd(at);
  std::mutex mutex;
  Matrix out;
  auto done = evaluator.EachRange(
      expr, Steps{at, 1, 1}, "",
      [&](std::size_t place, const store::SeriesView& series) -> base::Result<> {
        MatrixSeries kept{series.labels, {}};
        for (std::size_t i = 0; i < series.t.size(); ++i) {
          if (series.t[i] >= end - shape.range && series.t[i] <= end) {
            kept.points.push_back({series.t[i], series.v[i]});
          }
        }
        const std::lock_guard lock(mutex);
        out.resize(std::max(out.size(), place + 1));
        out[place] = std::move(kept);
        return {};
      });
  if (!done) {
    return base::Fail(done.error());
  }
  std::erase_if(out, [](const MatrixSeries& series) { return series.points.empty(); });
  return out;
}

}  // namespace

ValueType TypeOf(const Value& value) {
  constexpr ValueType kTypes[] = {ValueType::kScalar, ValueType::kVector, ValueType::kMatrix,
                                  ValueType::kString};
  return kTypes[value.index()];
}

base::Result<Answer> Engine::Instant(const Expr& expr, model::Timestamp at) const {
  const ValueType type = expr.Type();
  if (TooFar(at)) {
    return OutOfBounds();
  }
  if (type == ValueType::kString) {
    return Answer{String{at, StripParens(expr).text}, {}};
  }
  Evaluator evaluator(*querier_, limits_, at, at);
  const Steps steps{at, 1, 1};
  if (type == ValueType::kMatrix) {
    auto windows = WindowsAt(evaluator, StripParens(expr), at);
    return windows ? base::Result<Answer>(Answer{std::move(*windows), {}})
                   : base::Fail(windows.error());
  }
  auto frame = evaluator.Eval(expr, steps);
  if (!frame) {
    return base::Fail(frame.error());
  }
  if (type == ValueType::kScalar) {
    return Answer{Scalar{at, frame->at(0).v[0]}, {}};
  }
  Vector out;
  out.reserve(frame->size());
  for (const Column& column : *frame) {
    if (IsPresent(column.v[0])) {
      out.push_back({column.labels, at, column.v[0]});
    }
  }
  return Answer{std::move(out), {}};
}

base::Result<Answer> Engine::Range(const Expr& expr, model::Timestamp start, model::Timestamp end,
                                   std::int64_t step) const {
  const ValueType type = expr.Type();
  if (type != ValueType::kScalar && type != ValueType::kVector) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("invalid expression type {} for range query, must be Scalar or "
                                  "instant Vector",
                                  GoQuote(DocumentedType(type))));
  }
  if (step <= 0) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "zero or negative query resolution step widths are not accepted. Try a "
                      "positive integer");
  }
  if (end < start) {
    return base::Fail(base::ErrorKind::kInvalid, "end timestamp must not be before start time");
  }
  if (TooFar(start) || TooFar(end) || step > kFar) {
    return OutOfBounds();
  }
  const auto intervals = (static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(start)) /
                         static_cast<std::uint64_t>(step);
  if (intervals > limits_.max_steps) {
    return base::Fail(base::ErrorKind::kRefused,
                      "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing "
                      "the query resolution (?step=XX)");
  }
  Evaluator evaluator(*querier_, limits_, start, end);
  const Steps steps{start, step, static_cast<std::size_t>(intervals) + 1};
  auto frame = evaluator.Eval(expr, steps);
  if (!frame) {
    return base::Fail(frame.error());
  }
  Matrix out = ToMatrix(std::move(*frame), steps);
  std::ranges::stable_sort(
      out, [](const MatrixSeries& a, const MatrixSeries& b) { return *a.labels < *b.labels; });
  return Answer{std::move(out), {}};
}

}  // namespace promql
