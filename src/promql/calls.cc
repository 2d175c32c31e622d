// Calls: which arguments a function takes, and how it runs over the steps.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include "promql/evaluator.h"

namespace promql {
namespace {

/// Makes Go's conversion of a float to seconds: what does not fit becomes the smallest integer.
std::int64_t ToSeconds(double v) {
  return v >= -9223372036854775808.0 && v < 9223372036854775808.0
             ? static_cast<std::int64_t>(v)
             : std::numeric_limits<std::int64_t>::min();
}

/// The labels that a selector asks for by equality, each once: what absent() answers with.
LabelsPtr AbsentLabels(const Expr& arg) {
  const Expr* selector = &StripParens(arg);
  if (selector->kind == Expr::Kind::kMatrix) {
    selector = selector->args[0].get();
  }
  if (selector->kind != Expr::Kind::kSelector) {
    return NoLabels();
  }
  auto out = std::make_shared<model::Labels>();
  std::set<std::string> seen;
  for (const store::Matcher& matcher : selector->matchers) {
    if (matcher.name == model::kName) {
      continue;
    }
    if (matcher.op == store::Matcher::Op::kEqual && seen.insert(matcher.name).second) {
      out->Set(matcher.name, matcher.value);
    } else {
      out->Remove(matcher.name);
    }
  }
  return out;
}

/// One series with 1 at every step at which no column has a value.
Frame Missing(const Expr& arg, const Frame& frame, std::size_t steps) {
  Column out{AbsentLabels(arg), std::vector<double>(steps, 1.0)};
  for (const Column& column : frame) {
    for (std::size_t i = 0; i < steps; ++i) {
      if (IsPresent(column.v[i])) {
        out.v[i] = Absent();
      }
    }
  }
  Frame result;
  result.push_back(std::move(out));
  DropEmpty(result);
  return result;
}

/// Exactly one series gives its value, else NaN.
Frame ToScalar(const Frame& frame, std::size_t steps) {
  Column out{NoLabels(), std::vector<double>(steps, 0)};
  for (std::size_t i = 0; i < steps; ++i) {
    int present = 0;
    for (const Column& column : frame) {
      if (IsPresent(column.v[i])) {
        ++present;
        out.v[i] = column.v[i];
      }
    }
    if (present != 1) {
      out.v[i] = std::numeric_limits<double>::quiet_NaN();
    }
  }
  Frame result;
  result.push_back(std::move(out));
  return result;
}

void Sort(Frame& frame, bool descending) {
  std::ranges::stable_sort(frame, [descending](const Column& a, const Column& b) {
    const double x = a.v[0];
    const double y = b.v[0];
    if (std::isnan(x) || std::isnan(y)) {
      return !std::isnan(x) && std::isnan(y);
    }
    return descending ? x > y : x < y;
  });
}

/// Applies `function(value, step)` to every value and takes the name away.
template <class F>
base::Result<Frame> Map(Frame frame, F function) {
  for (Column& column : frame) {
    column.labels = WithoutName(column.labels);
    for (std::size_t i = 0; i < column.v.size(); ++i) {
      if (IsPresent(column.v[i])) {
        column.v[i] = function(column.v[i], i);
      }
    }
  }
  return Joined(std::move(frame));
}

/// clamp, clamp_min, clamp_max and round: a vector (args[0]) and scalars.
base::Result<Frame> Bounded(std::string_view name, std::vector<Frame>& args) {
  const auto scalar = [&args](std::size_t i) -> const std::vector<double>& {
    return args[i].at(0).v;
  };
  if (name == "clamp_max") {
    return Map(std::move(args[0]), [&](double v, std::size_t i) { return GoMin(scalar(1)[i], v); });
  }
  if (name == "clamp_min") {
    return Map(std::move(args[0]), [&](double v, std::size_t i) { return GoMax(scalar(1)[i], v); });
  }
  if (name == "clamp") {
    return Map(std::move(args[0]), [&](double v, std::size_t i) {
      const double low = scalar(1)[i];
      const double high = scalar(2)[i];
      return high < low ? Absent() : GoMax(low, GoMin(high, v));
    });
  }
  if (name == "round") {
    return Map(std::move(args[0]), [&](double v, std::size_t i) {
      const double inverse = 1.0 / (args.size() > 1 ? scalar(1)[i] : 1.0);
      return std::floor(v * inverse + 0.5) / inverse;
    });
  }
  return base::Fail(base::ErrorKind::kInvalid,
                    fmt::format("function \"{}\" is not supported yet", name));
}

/// Whether holt_winters can work with its factors (smoothing, trend).
base::Result<> CheckFactors(const double* args) {
  for (std::size_t i = 0; i < 2; ++i) {
    if (args[i] <= 0 || args[i] >= 1) {
      return base::Fail(base::ErrorKind::kInvalid,
                        fmt::format("invalid {} factor. Expected: 0 < {} < 1, got: {:f}",
                                    i == 0 ? "smoothing" : "trend", i == 0 ? "sf" : "tf", args[i]));
    }
  }
  return {};
}

/// Slides a window over the samples of one series, step by step.
class RangeWalk {
 public:
  RangeWalk(RangeFunction function, const RangeShape& shape, const std::vector<Frame>& scalars,
            const Steps& steps, bool factors)
      : function_(function),
        shape_(shape),
        scalars_(scalars),
        steps_(steps),
        factors_(factors),
        from_(steps.count),
        to_(steps.count) {}

  base::Result<> Over(const store::SeriesView& series, std::vector<double>& out) {
    Bounds(series.t);
    if (IsAverage(function_) && series.weight.empty()) {
      AverageWindows(series.v, from_, to_, out);
      return {};
    }
    if (CountsFalls(function_)) {
      FindFalls(series.v);
    }
    double args[2] = {0, 0};
    std::size_t fall = 0;  // the first that is not before the window
    for (std::size_t i = 0; i < steps_.count; ++i) {
      const std::size_t from = from_[i];
      if (from == to_[i]) {
        continue;
      }
      for (std::size_t a = 0; a < scalars_.size(); ++a) {
        args[a] = scalars_[a].at(0).v[i];
      }
      if (factors_) {
        if (auto good = CheckFactors(args); !good) {
          return good;
        }
      }
      Window window;
      window.now = steps_.At(i);
      window.end = shape_.WindowEnd(window.now);
      window.start = window.end - shape_.range;
      window.range = shape_.range;
      window.t = &series.t[from];
      window.v = &series.v[from];
      window.weight = series.weight.empty() ? nullptr : &series.weight[from];
      window.size = to_[i] - from;
      window.args = args;
      window.first = from;
      while (fall < falls_.size() && falls_[fall] <= from) {
        ++fall;
      }
      std::size_t end = fall;
      while (end < falls_.size() && falls_[end] < to_[i]) {
        ++end;
      }
      window.falls = std::span(falls_).subspan(fall, end - fall);
      double value = 0;
      if (function_(window, value)) {
        out[i] = value;
      }
    }
    return {};
  }

 private:
  /// Which samples each step's window has: [from, to).
  void Bounds(std::span<const model::Timestamp> t) {
    Cursor from(t);
    Cursor to(t);
    for (std::size_t i = 0; i < steps_.count; ++i) {
      const model::Timestamp end = shape_.WindowEnd(steps_.At(i));
      from_[i] = from.UpTo(end - shape_.range - 1);
      to_[i] = to.UpTo(end);
    }
  }

  void FindFalls(std::span<const double> v) {
    falls_.clear();
    for (std::size_t i = 1; i < v.size(); ++i) {
      if (v[i] < v[i - 1]) {
        falls_.push_back(i);
      }
    }
  }

  RangeFunction function_;
  const RangeShape& shape_;
  const std::vector<Frame>& scalars_;
  const Steps& steps_;
  bool factors_;  ///< the scalars are holt_winters' factors, which must be checked
  std::vector<std::size_t> from_;
  std::vector<std::size_t> to_;
  std::vector<std::size_t> falls_;  ///< where a value is below the one before
};

}  // namespace

base::Result<Frame> Evaluator::Call(const Expr& expr, const Steps& steps) {
  const std::string_view name = expr.function->name;
  if (name.starts_with("histogram_") && name != "histogram_quantile") {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("function \"{}\" is not supported yet: native histograms are not "
                                  "stored",
                                  name));
  }
  for (std::size_t i = 0; i < expr.args.size(); ++i) {
    if (expr.args[i]->Type() == ValueType::kMatrix) {
      return RangeCall(expr, i, steps);
    }
  }
  if (name == "time" || FindDateFunction(name) != nullptr) {
    return TimeCall(expr, steps);
  }
  if (name == "pi") {
    return Constant(std::numbers::pi, steps);
  }
  if (name == "label_replace" || name == "label_join") {
    return LabelCall(expr, steps);
  }
  const Expr& first = StripParens(*expr.args[0]);
  if (name == "timestamp" && first.kind == Expr::Kind::kSelector) {
    auto frame = Selector(first, steps, true);
    return frame ? Map(std::move(*frame), [](double v, std::size_t) { return v; })
                 : std::move(frame);
  }
  return VectorCall(expr, steps);
}

base::Result<Frame> Evaluator::VectorCall(const Expr& expr, const Steps& steps) {
  const std::string_view name = expr.function->name;
  std::vector<Frame> args;
  for (const auto& arg : expr.args) {
    auto frame = Eval(*arg, steps);
    if (!frame) {
      return frame;
    }
    args.push_back(std::move(*frame));
  }
  const auto scalar = [&args](std::size_t i) -> const std::vector<double>& {
    return args[i].at(0).v;
  };
  if (const NumberFunction function = FindNumberFunction(name)) {
    return Map(std::move(args[0]), [function](double v, std::size_t) { return function(v); });
  }
  if (name == "vector") {
    return std::move(args[0]);
  }
  if (name == "scalar") {
    return ToScalar(args[0], steps.count);
  }
  if (name == "absent") {
    return Missing(*expr.args[0], args[0], steps.count);
  }
  if (name == "timestamp") {
    return Map(std::move(args[0]),
               [&steps](double, std::size_t i) { return static_cast<double>(steps.At(i)) / 1000; });
  }
  if (name == "sort" || name == "sort_desc") {
    if (steps.count == 1) {
      Sort(args[0], name == "sort_desc");
    }
    return std::move(args[0]);
  }
  if (name == "histogram_quantile") {
    return HistogramQuantile(scalar(0), args[1], steps.count);
  }
  return Bounded(name, args);
}

base::Result<Frame> Evaluator::TimeCall(const Expr& expr, const Steps& steps) {
  const DateFunction date = FindDateFunction(expr.function->name);
  if (!expr.args.empty()) {
    auto frame = Eval(*expr.args[0], steps);
    if (!frame) {
      return frame;
    }
    return Map(std::move(*frame), [date](double v, std::size_t) { return date(ToSeconds(v)); });
  }
  auto frame = Constant(0, steps);
  if (!frame) {
    return frame;
  }
  for (std::size_t i = 0; i < steps.count; ++i) {
    frame->at(0).v[i] =
        date == nullptr ? static_cast<double>(steps.At(i)) / 1000 : date(steps.At(i) / 1000);
  }
  return frame;
}

base::Result<Frame> Evaluator::LabelCall(const Expr& expr, const Steps& steps) {
  auto frame = Eval(*expr.args[0], steps);
  if (!frame) {
    return frame;
  }
  std::vector<std::string> texts;
  for (std::size_t i = 1; i < expr.args.size(); ++i) {
    texts.push_back(StripParens(*expr.args[i]).text);
  }
  return expr.function->name == "label_replace" ? LabelReplace(std::move(*frame), texts)
                                                : LabelJoin(std::move(*frame), texts);
}

base::Result<Frame> Evaluator::RangeCall(const Expr& expr, std::size_t range_arg,
                                         const Steps& steps) {
  const std::string_view name = expr.function->name;
  const RangeFunction function = FindRangeFunction(name);
  if (function == nullptr) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("function \"{}\" is not supported yet", name));
  }
  std::vector<Frame> scalars;
  for (std::size_t i = 0; i < expr.args.size(); ++i) {
    if (i != range_arg) {
      auto frame = Eval(*expr.args[i], steps);
      if (!frame) {
        return frame;
      }
      scalars.push_back(std::move(*frame));
    }
  }
  const Expr& range = StripParens(*expr.args[range_arg]);
  const RangeShape shape = ShapeOf(range);
  FrameMaker made;
  auto done = EachRange(range, steps, name,
                        [&](std::size_t place, const store::SeriesView& series) -> base::Result<> {
                          if (auto spent = budget_.Spend(steps.count); !spent) {
                            return spent;
                          }
                          Column column{
                              name == "last_over_time" ? series.labels : WithoutName(series.labels),
                              std::vector<double>(steps.count, Absent())};
                          RangeWalk walk(function, shape, scalars, steps, name == "holt_winters");
                          auto walked = walk.Over(series, column.v);
                          made.Put(place, std::move(column));
                          return walked;
                        });
  if (!done) {
    return base::Fail(done.error());
  }
  Frame out = made.Take();
  if (name == "absent_over_time") {
    return Missing(*expr.args[0], out, steps.count);
  }
  return Distinct(std::move(out));
}

}  // namespace promql
