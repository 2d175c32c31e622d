// Evaluation of literals, selectors, ranges, subqueries and unary minus; the rest is handed on.
#include "promql/evaluator.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace promql {
namespace {

std::int64_t Ms(base::Duration d) { return d.count() / 1'000'000; }

/// Functions whose value depends on the step even where their arguments do not.
bool DependsOnStep(const Expr& call) {
  const std::string_view name = call.function->name;
  return FindDateFunction(name) != nullptr || name == "predict_linear" || name == "time" ||
         name == "timestamp";
}

/// Whether there is a staleness marker. They are NaN, which is looked for first: in a loop without
/// an end before its time, of which the compiler makes one of several values at once.
bool HasAbsent(std::span<const double> values) {
  constexpr auto kInfinite = std::bit_cast<std::uint64_t>(std::numeric_limits<double>::infinity());
  std::uint64_t odd = 0;  // at the top: beyond the infinite
  for (const double v : values) {
    odd |= kInfinite - std::bit_cast<std::uint64_t>(std::fabs(v));
  }
  return odd >> 63 != 0 && std::ranges::any_of(values, IsAbsent);
}

/// Walks one series over the steps: the newest sample not older than the lookback.
void Pick(const store::SeriesView& series, const Steps& steps, std::int64_t shift,
          std::int64_t lookback, bool timestamps, std::vector<double>& out) {
  Cursor cursor(series.t);
  for (std::size_t i = 0; i < steps.count; ++i) {
    const model::Timestamp wanted = steps.At(i) - shift;
    const std::size_t next = cursor.UpTo(wanted);
    if (next == 0 || series.t[next - 1] < wanted - lookback) {
      continue;
    }
    const double v = series.v[next - 1];
    if (IsPresent(v)) {
      out[i] = timestamps ? static_cast<double>(series.t[next - 1]) / 1000 : v;
    }
  }
}

}  // namespace

bool IsInvariant(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kNumber:
    case Expr::Kind::kString:
      return true;
    case Expr::Kind::kSelector:
    case Expr::Kind::kSubquery:
      return expr.at.has_value() || expr.edge != Expr::Edge::kNone;
    case Expr::Kind::kAggregate:
      return IsInvariant(*expr.args.back());
    case Expr::Kind::kCall:
      if (DependsOnStep(expr)) {
        return false;
      }
      break;
    default:
      break;
  }
  return std::ranges::all_of(expr.args, [](const auto& arg) { return IsInvariant(*arg); });
}

Budget::Budget(const Limits& limits)
    : limits_(limits), deadline_(base::Clock::Steady() + limits.timeout) {}

base::Result<> Budget::Spend(std::size_t samples) {
  const std::size_t before = spent_.fetch_add(samples);
  if (samples > limits_.max_samples - std::min(before, limits_.max_samples)) {
    return base::Fail(
        base::ErrorKind::kRefused,
        "query processing would load too many samples into memory in query execution");
  }
  if (limits_.cancelled != nullptr && limits_.cancelled->load(std::memory_order_relaxed)) {
    return base::Fail(base::ErrorKind::kCancelled, "query was canceled in expression evaluation");
  }
  if (base::Clock::Steady() >= deadline_) {
    return base::Fail(base::ErrorKind::kDeadline, "query timed out in expression evaluation");
  }
  return {};
}

std::optional<model::Timestamp> Evaluator::FixedAt(const Expr& expr) const {
  switch (expr.edge) {
    case Expr::Edge::kStart:
      return start_;
    case Expr::Edge::kEnd:
      return end_;
    case Expr::Edge::kNone:
      break;
  }
  // Far beyond any sample, and far enough from the ends of the type to be calculated with.
  constexpr model::Timestamp kFar = 4'000'000'000'000'000'000;
  return expr.at ? std::optional(std::clamp(*expr.at, -kFar, kFar)) : std::nullopt;
}

base::Result<Frame> Evaluator::Eval(const Expr& expr, const Steps& steps) {
  if (steps.count == 1 || expr.kind == Expr::Kind::kNumber || !IsInvariant(expr)) {
    return EvalAll(expr, steps);
  }
  auto once = EvalAll(expr, Steps{steps.start, steps.step, 1});
  if (!once) {
    return once;
  }
  if (auto spent = budget_.Spend(once->size() * steps.count); !spent) {
    return base::Fail(spent.error());
  }
  for (Column& column : *once) {
    column.v.assign(steps.count, double(column.v[0]));
  }
  return once;
}

base::Result<Frame> Evaluator::EvalAll(const Expr& expr, const Steps& steps) {
  switch (expr.kind) {
    case Expr::Kind::kNumber:
      return Constant(expr.number, steps);
    case Expr::Kind::kSelector:
      return Selector(expr, steps);
    case Expr::Kind::kParen:
      return Eval(*expr.args[0], steps);
    case Expr::Kind::kUnary:
      return Unary(expr, steps);
    case Expr::Kind::kBinary:
      return Binary(expr, steps);
    case Expr::Kind::kAggregate:
      return Aggregate(expr, steps);
    case Expr::Kind::kCall:
      return Call(expr, steps);
    case Expr::Kind::kString:
    case Expr::Kind::kMatrix:
    case Expr::Kind::kSubquery:
      break;
  }
  return base::Fail(base::ErrorKind::kInternal,
                    "a range vector or string stands where a vector must: " + expr.ToString());
}

base::Result<Frame> Evaluator::Constant(double value, const Steps& steps) {
  if (auto spent = budget_.Spend(steps.count); !spent) {
    return base::Fail(spent.error());
  }
  Frame out;
  out.push_back({NoLabels(), std::vector<double>(steps.count, value)});
  return out;
}

base::Result<> Evaluator::Each(const Expr& selector, model::Timestamp from, model::Timestamp to,
                               store::Hints hints, const store::SeriesSink& sink) {
  if (auto spent = budget_.Spend(0); !spent) {
    return spent;
  }
  hints.abreast = limits_.helper;
  std::mutex mutex;
  std::optional<base::Error> ours;  // the sink's error, not the querier's
  auto done = querier_.Each(selector.matchers, from, to, &hints,
                            [&](std::size_t place, const store::SeriesView& series) {
                              auto taken = budget_.Spend(series.t.size());
                              taken = taken ? sink(place, series) : taken;
                              if (!taken) {
                                const std::lock_guard lock(mutex);
                                ours = taken.error();
                              }
                              return taken;
                            });
  if (ours) {
    return base::Fail(std::move(*ours));
  }
  return done ? done : base::Fail(done.error().In("expanding series"));
}

base::Result<Frame> Evaluator::Selector(const Expr& expr, const Steps& steps, bool timestamps) {
  const auto fixed = FixedAt(expr);
  const std::int64_t lookback = Ms(limits_.lookback);
  const model::Timestamp first = fixed.value_or(steps.start) - expr.offset;
  const model::Timestamp last = fixed.value_or(steps.Last()) - expr.offset;
  const Steps moments = fixed ? Steps{*fixed, 0, steps.count} : steps;
  FrameMaker out;
  const store::Hints hints{.range_ms = 0, .function = {}, .newest = fixed || steps.count == 1};
  auto done = Each(expr, first - lookback, last, hints,
                   [&](std::size_t place, const store::SeriesView& series) -> base::Result<> {
                     if (auto spent = budget_.Spend(steps.count); !spent) {
                       return spent;
                     }
                     Column column{series.labels, std::vector<double>(steps.count, Absent())};
                     Pick(series, moments, expr.offset, lookback, timestamps, column.v);
                     if (std::ranges::any_of(column.v, IsPresent)) {
                       out.Put(place, std::move(column));
                     }
                     return {};
                   });
  if (!done) {
    return base::Fail(done.error());
  }
  return out.Take();
}

RangeShape Evaluator::ShapeOf(const Expr& expr) const {
  const Expr& modified = expr.kind == Expr::Kind::kMatrix ? *expr.args[0] : expr;
  const auto fixed = FixedAt(modified);
  return {.range = expr.range,
          .offset = modified.offset,
          .fixed = fixed.has_value(),
          .at = fixed.value_or(0)};
}

base::Result<> Evaluator::EachRange(const Expr& expr, const Steps& steps, std::string_view function,
                                    const store::SeriesSink& sink) {
  if (expr.kind != Expr::Kind::kMatrix) {
    return Subquery(expr, steps, sink);
  }
  const RangeShape shape = ShapeOf(expr);
  return Each(*expr.args[0], shape.WindowEnd(steps.start) - shape.range,
              shape.WindowEnd(steps.Last()), {.range_ms = shape.range, .function = function},
              [&](std::size_t place, const store::SeriesView& series) {
                if (!HasAbsent(series.v)) {
                  return sink(place, series);
                }
                std::vector<model::Timestamp> t;
                std::vector<double> v;
                std::vector<double> weight;
                for (std::size_t i = 0; i < series.v.size(); ++i) {
                  if (IsPresent(series.v[i])) {
                    t.push_back(series.t[i]);
                    v.push_back(series.v[i]);
                    if (!series.weight.empty()) {
                      weight.push_back(series.weight[i]);
                    }
                  }
                }
                return sink(place, {series.labels, t, v, weight});
              });
}

base::Result<> Evaluator::Subquery(const Expr& expr, const Steps& steps,
                                   const store::SeriesSink& sink) {
  const RangeShape shape = ShapeOf(expr);
  const std::int64_t step = expr.step != 0 ? expr.step : Ms(limits_.subquery_step);
  const model::Timestamp from = shape.WindowEnd(steps.start) - shape.range;
  const model::Timestamp to = shape.WindowEnd(steps.Last());
  model::Timestamp first = from / step * step;
  if (first < from) {
    first += step;
  }
  if (first > to) {
    return {};
  }
  const auto count = static_cast<std::size_t>((to - first) / step) + 1;
  if (auto spent = budget_.Spend(count); !spent) {
    return spent;
  }
  const Steps inner{first, step, count};
  const auto frame = Eval(*expr.args[0], inner);
  if (!frame) {
    return base::Fail(frame.error());
  }
  std::vector<model::Timestamp> t;
  std::vector<double> v;
  for (std::size_t place = 0; place < frame->size(); ++place) {
    const Column& column = (*frame)[place];
    t.clear();
    v.clear();
    for (std::size_t i = 0; i < count; ++i) {
      if (IsPresent(column.v[i])) {
        t.push_back(inner.At(i));
        v.push_back(column.v[i]);
      }
    }
    if (auto done = sink(place, {column.labels, t, v}); !done) {
      return done;
    }
  }
  return {};
}

base::Result<Frame> Evaluator::Unary(const Expr& expr, const Steps& steps) {
  auto frame = Eval(*expr.args[0], steps);
  if (!frame || expr.op != Op::kSub) {
    return frame;
  }
  for (Column& column : *frame) {
    column.labels = WithoutName(column.labels);
    for (double& v : column.v) {
      v = IsPresent(v) ? -v : v;
    }
  }
  return Distinct(std::move(*frame));
}

base::Result<Frame> Evaluator::Aggregate(const Expr& expr, const Steps& steps) {
  std::vector<double> parameter;
  std::string text;
  if (HasParameter(expr.op)) {
    if (expr.op == Op::kCountValues) {
      text = StripParens(*expr.args[0]).text;
    } else {
      auto number = Eval(*expr.args[0], steps);
      if (!number) {
        return number;
      }
      parameter = std::move(number->at(0).v);
    }
  }
  auto input = Eval(*expr.args.back(), steps);
  if (!input) {
    return input;
  }
  return Aggregated(expr, *input, parameter.empty() ? nullptr : &parameter, text, steps.count,
                    budget_);
}

base::Result<Frame> Evaluator::Binary(const Expr& expr, const Steps& steps) {
  auto left = Eval(*expr.args[0], steps);
  if (!left) {
    return left;
  }
  auto right = Eval(*expr.args[1], steps);
  if (!right) {
    return right;
  }
  const bool left_scalar = expr.args[0]->Type() == ValueType::kScalar;
  const bool right_scalar = expr.args[1]->Type() == ValueType::kScalar;
  if (!left_scalar && !right_scalar) {
    return IsSetOperator(expr.op)
               ? VectorSets(expr, std::move(*left), std::move(*right), steps.count)
               : VectorMath(expr, std::move(*left), std::move(*right), steps.count, budget_);
  }
  // The side that is a vector (or the left scalar) is worked on in place.
  Frame& out = left_scalar && !right_scalar ? *right : *left;
  const std::vector<double> scalar = left_scalar && !right_scalar ? left->at(0).v : right->at(0).v;
  const bool both = left_scalar && right_scalar;
  const bool comparison = IsComparison(expr.op);
  for (Column& column : out) {
    for (std::size_t i = 0; i < steps.count; ++i) {
      const double own = column.v[i];
      if (IsAbsent(own)) {
        continue;
      }
      bool keep = true;
      const double value = left_scalar && !right_scalar ? Compute(expr.op, scalar[i], own, keep)
                                                        : Compute(expr.op, own, scalar[i], keep);
      if (!comparison) {
        column.v[i] = value;
      } else if (expr.return_bool || both) {
        column.v[i] = keep ? 1 : 0;
      } else if (!keep) {
        column.v[i] = Absent();
      }
    }
    if (DropsName(expr.op) || expr.return_bool) {
      column.labels = WithoutName(column.labels);
    }
  }
  return both ? base::Result<Frame>(std::move(out)) : Joined(std::move(out));
}

}  // namespace promql
