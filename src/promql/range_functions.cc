// Functions over ranges: rate and its kin, *_over_time, regressions. Each is Prometheus's own
// arithmetic, operation by operation, so that the results are the same to the last bit.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/quotient.h"
#include "promql/evaluator.h"

namespace promql {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Kahan's summation as Neumaier improved it.
struct Sum {
  double sum = 0;
  double c = 0;
  void Add(double inc) {
    const double t = sum + inc;
    if (std::fabs(sum) >= std::fabs(inc)) {
      c += (sum - t) + inc;
    } else {
      c += (inc - t) + sum;
    }
    sum = t;
  }
  [[nodiscard]] double Total() const { return sum + c; }
};

bool Extrapolated(const Window& w, bool counter, bool rate, double& out) {
  if (w.size < 2) {
    return false;
  }
  const double first = w.v[0];
  const double last = w.v[w.size - 1];
  double result = last - first;
  if (counter) {
    for (const std::size_t fall : w.falls) {
      result += w.v[fall - w.first - 1];
    }
  }
  const model::Timestamp last_t = w.t[w.size - 1];
  double to_start = static_cast<double>(w.t[0] - w.start) / 1000;
  const double to_end = static_cast<double>(w.end - last_t) / 1000;
  const double sampled = static_cast<double>(last_t - w.t[0]) / 1000;
  const double average = sampled / static_cast<double>(w.size - 1);
  if (counter && result > 0 && first >= 0) {
    // A counter cannot have been below zero.
    const double to_zero = sampled * (first / result);
    if (to_zero < to_start) {
      to_start = to_zero;
    }
  }
  const double threshold = average * 1.1;
  double extended = sampled;
  extended += to_start < threshold ? to_start : average / 2;
  extended += to_end < threshold ? to_end : average / 2;
  double factor = extended / sampled;
  if (rate) {
    const std::int64_t whole = w.range / 1000;
    factor /= static_cast<double>(whole) + static_cast<double>((w.range % 1000) * 1'000'000) / 1e9;
  }
  out = result * factor;
  return true;
}

bool Rate(const Window& w, double& out) { return Extrapolated(w, true, true, out); }
bool Increase(const Window& w, double& out) { return Extrapolated(w, true, false, out); }
bool Delta(const Window& w, double& out) { return Extrapolated(w, false, false, out); }

bool LastTwo(const Window& w, bool rate, double& out) {
  if (w.size < 2) {
    return false;
  }
  const double last = w.v[w.size - 1];
  const double previous = w.v[w.size - 2];
  out = rate && last < previous ? last : last - previous;
  const std::int64_t interval = w.t[w.size - 1] - w.t[w.size - 2];
  if (rate) {
    out /= static_cast<double>(interval) / 1000;
  }
  return interval != 0;
}

bool Irate(const Window& w, double& out) { return LastTwo(w, true, out); }
bool Idelta(const Window& w, double& out) { return LastTwo(w, false, out); }

bool AvgOverTime(const Window& w, double& out) {
  if (w.weight != nullptr) {
    Sum sum;
    Sum weight;
    for (std::size_t i = 0; i < w.size; ++i) {
      sum.Add(w.v[i] * w.weight[i]);
      weight.Add(w.weight[i]);
    }
    out = sum.Total() / weight.Total();
    return true;
  }
  Sum mean;
  double count = 0;
  for (std::size_t i = 0; i < w.size; ++i) {
    const double v = w.v[i];
    ++count;
    if (std::isinf(mean.sum) &&
        ((std::isinf(v) && (mean.sum > 0) == (v > 0)) || std::isfinite(v))) {
      continue;
    }
    mean.Add(v / count - mean.sum / count);
  }
  out = std::isinf(mean.sum) ? mean.sum : mean.Total();
  return true;
}

bool SumOverTime(const Window& w, double& out) {
  Sum sum;
  for (std::size_t i = 0; i < w.size; ++i) {
    sum.Add(w.v[i]);
  }
  out = std::isinf(sum.sum) ? sum.sum : sum.Total();
  return true;
}

bool CountOverTime(const Window& w, double& out) {
  out = w.weight == nullptr ? static_cast<double>(w.size)
                            : std::accumulate(w.weight, w.weight + w.size, 0.0);
  return true;
}

bool LastOverTime(const Window& w, double& out) {
  out = w.v[w.size - 1];
  return true;
}

bool MaxOverTime(const Window& w, double& out) {
  out = w.v[0];
  for (std::size_t i = 0; i < w.size; ++i) {
    if (w.v[i] > out || std::isnan(out)) {
      out = w.v[i];
    }
  }
  return true;
}

bool MinOverTime(const Window& w, double& out) {
  out = w.v[0];
  for (std::size_t i = 0; i < w.size; ++i) {
    if (w.v[i] < out || std::isnan(out)) {
      out = w.v[i];
    }
  }
  return true;
}

bool StdvarOverTime(const Window& w, double& out) {
  Sum mean;
  Sum squares;
  double count = 0;
  for (std::size_t i = 0; i < w.size; ++i) {
    ++count;
    const double delta = w.v[i] - mean.Total();
    mean.Add(delta / count);
    squares.Add(delta * (w.v[i] - mean.Total()));
  }
  out = squares.Total() / count;
  return true;
}

bool StddevOverTime(const Window& w, double& out) {
  StdvarOverTime(w, out);
  out = std::sqrt(out);
  return true;
}

bool PresentOverTime(const Window&, double& out) {
  out = 1;
  return true;
}

bool QuantileOverTime(const Window& w, double& out) {
  std::vector<double> values(w.v, w.v + w.size);
  out = Quantile(w.args[0], values);
  return true;
}

bool Changes(const Window& w, double& out) {
  out = 0;
  for (std::size_t i = 1; i < w.size; ++i) {
    const double current = w.v[i];
    const double previous = w.v[i - 1];
    if (current != previous && !(std::isnan(current) && std::isnan(previous))) {
      ++out;
    }
  }
  return true;
}

bool Resets(const Window& w, double& out) {
  out = static_cast<double>(w.falls.size());
  return true;
}

struct Line {
  double slope = 0;
  double intercept = 0;
};

/// Least squares; the intercept is at `at`.
Line Regression(const Window& w, model::Timestamp at) {
  Sum x_sum;
  Sum y_sum;
  Sum xy_sum;
  Sum x2_sum;
  double n = 0;
  bool constant = true;
  for (std::size_t i = 0; i < w.size; ++i) {
    constant = constant && (i == 0 || w.v[i] == w.v[0]);
    ++n;
    const double x = static_cast<double>(w.t[i] - at) / 1e3;
    x_sum.Add(x);
    y_sum.Add(w.v[i]);
    xy_sum.Add(x * w.v[i]);
    x2_sum.Add(x * x);
  }
  if (constant) {
    return std::isinf(w.v[0]) ? Line{kNaN, kNaN} : Line{0, w.v[0]};
  }
  const double sx = x_sum.Total();
  const double sy = y_sum.Total();
  const double covariance = xy_sum.Total() - sx * sy / n;
  const double variance = x2_sum.Total() - sx * sx / n;
  const double slope = covariance / variance;
  return {slope, sy / n - slope * sx / n};
}

bool Deriv(const Window& w, double& out) {
  if (w.size < 2) {
    return false;
  }
  out = Regression(w, w.t[0]).slope;
  return true;
}

bool PredictLinear(const Window& w, double& out) {
  if (w.size < 2) {
    return false;
  }
  const Line line = Regression(w, w.now);
  out = line.slope * w.args[0] + line.intercept;
  return true;
}

bool HoltWinters(const Window& w, double& out) {
  if (w.size < 2) {
    return false;
  }
  const double sf = w.args[0];
  const double tf = w.args[1];
  double s0 = 0;
  double s1 = w.v[0];
  double b = w.v[1] - w.v[0];
  for (std::size_t i = 1; i < w.size; ++i) {
    const double x = sf * w.v[i];
    if (i > 1) {
      b = tf * (s1 - s0) + (1 - tf) * b;
    }
    const double y = (1 - sf) * (s1 + b);
    s0 = s1;
    s1 = x + y;
  }
  out = s1;
  return true;
}

struct Entry {
  std::string_view name;
  RangeFunction function;
};
constexpr std::array kTable = {
    Entry{"rate", Rate},
    Entry{"increase", Increase},
    Entry{"delta", Delta},
    Entry{"irate", Irate},
    Entry{"idelta", Idelta},
    Entry{"avg_over_time", AvgOverTime},
    Entry{"sum_over_time", SumOverTime},
    Entry{"count_over_time", CountOverTime},
    Entry{"last_over_time", LastOverTime},
    Entry{"max_over_time", MaxOverTime},
    Entry{"min_over_time", MinOverTime},
    Entry{"stddev_over_time", StddevOverTime},
    Entry{"stdvar_over_time", StdvarOverTime},
    Entry{"present_over_time", PresentOverTime},
    Entry{"absent_over_time", PresentOverTime},
    Entry{"quantile_over_time", QuantileOverTime},
    Entry{"changes", Changes},
    Entry{"resets", Resets},
    Entry{"deriv", Deriv},
    Entry{"predict_linear", PredictLinear},
    Entry{"holt_winters", HoltWinters},
};

/// Divides by `divisor` as `/` does.
struct Division {
  double divisor;
  [[nodiscard]] double Of(double v) const { return v / divisor; }
};

constexpr std::size_t kLanes = 16;

/// avg_over_time of kLanes windows of the same length at once: each of its steps waits for the one
/// before, so one window alone would leave the processor idle. False when a mean became infinite or
/// NaN: then AvgOverTime has to be asked.
template <class Divider>
[[gnu::always_inline]] inline bool AverageAbreast(const double* v, const std::size_t* from,
                                                  std::size_t size, double* out) {
  double sum[kLanes] = {};
  double c[kLanes] = {};
  for (std::size_t k = 0; k < size; ++k) {
    const Divider by{static_cast<double>(k + 1)};
    double inc[kLanes];
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      inc[lane] = by.Of(v[from[lane] + k]) - by.Of(sum[lane]);
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      // Knuth's way to what Sum::Add finds by a comparison: the exact error of the addition.
      const double t = sum[lane] + inc[lane];
      const double added = t - sum[lane];
      c[lane] += (sum[lane] - (t - added)) + (inc[lane] - added);
      sum[lane] = t;
    }
  }
  bool finite = true;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    out[lane] = sum[lane] + c[lane];
    finite = finite && std::isfinite(out[lane]);
  }
  return finite;
}

using Averages = bool (*)(const double*, const std::size_t*, std::size_t, double*);

bool PlainAverages(const double* v, const std::size_t* from, std::size_t size, double* out) {
  return AverageAbreast<Division>(v, from, size, out);
}

#ifdef __x86_64__
/// The same four at a time and without a division. There is no product next to a sum that "fma"
/// would let the compiler round otherwise.
[[gnu::target("avx2,fma")]] bool QuickAverages(const double* v, const std::size_t* from,
                                               std::size_t size, double* out) {
  return AverageAbreast<base::Quotient>(v, from, size, out);
}

/// Whether base::Quotient is right for means of such values. No mean that is not 0 comes near its
/// limit then: to cancel out to less than 2^-400 it would have to be below 2^-300 already, and
/// there the next value makes it larger, or is 0 and makes it smaller by 1 / n alone.
[[gnu::target("avx2")]] bool NoneIsTiny(std::span<const double> values) {
  std::uint64_t both = 0;  // at the top: below the limit, and not 0
  for (const double v : values) {
    const auto size = std::bit_cast<std::uint64_t>(std::fabs(v));
    both |= (size - std::bit_cast<std::uint64_t>(0x1p-200)) & (0 - size);
  }
  return both >> 63 == 0;
}
#endif

Averages AveragesFor([[maybe_unused]] std::span<const double> values) {
#ifdef __x86_64__
  static const bool kQuick = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (kQuick && NoneIsTiny(values)) {
    return QuickAverages;
  }
#endif
  return PlainAverages;
}

}  // namespace

bool CountsFalls(RangeFunction function) {
  return function == Rate || function == Increase || function == Resets;
}

bool IsAverage(RangeFunction function) { return function == AvgOverTime; }

void AverageWindows(std::span<const double> v, std::span<const std::size_t> from,
                    std::span<const std::size_t> to, std::span<double> out) {
  const Averages averages = AveragesFor(v);
  for (std::size_t i = 0; i < from.size();) {
    const std::size_t size = to[i] - from[i];
    std::size_t same = 1;
    while (same < kLanes && i + same < from.size() && to[i + same] - from[i + same] == size) {
      ++same;
    }
    if (size > 0 && (same < kLanes || !averages(v.data(), &from[i], size, &out[i]))) {
      for (std::size_t j = i; j < i + same; ++j) {
        Window window;
        window.v = &v[from[j]];
        window.size = size;
        AvgOverTime(window, out[j]);
      }
    }
    i += same;
  }
}

RangeFunction FindRangeFunction(std::string_view name) {
  const auto at = std::ranges::find(kTable, name, &Entry::name);
  return at == kTable.end() ? nullptr : at->function;
}

double Quantile(double q, std::vector<double>& values) {
  if (values.empty() || std::isnan(q)) {
    return kNaN;
  }
  if (q < 0 || q > 1) {
    return q < 0 ? -std::numeric_limits<double>::infinity()
                 : std::numeric_limits<double>::infinity();
  }
  std::ranges::sort(values,
                    [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; });
  const double n = static_cast<double>(values.size());
  const double rank = q * (n - 1);
  const double lower = std::max(0.0, std::floor(rank));
  const double upper = std::min(n - 1, lower + 1);
  const double weight = rank - std::floor(rank);
  return values[static_cast<std::size_t>(lower)] * (1 - weight) +
         values[static_cast<std::size_t>(upper)] * weight;
}

}  // namespace promql
