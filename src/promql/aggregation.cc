// Aggregations: sum, avg, … over groups, step by step in the order of the series, as Prometheus
// adds.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <unordered_map>

#include "promql/evaluator.h"
#include "promql/number.h"

namespace promql {
namespace {

using GroupIndex = std::unordered_map<model::Labels, std::size_t, model::LabelsHash>;

model::Labels GroupLabels(const Expr& expr, const model::Labels& labels) {
  if (expr.without) {
    model::Labels out = labels.Without(expr.grouping);
    out.Remove(model::kName);
    return out;
  }
  return labels.Keep(expr.grouping);
}

/// The groups of a frame's series, in the order of their first series.
struct Grouping {
  std::vector<LabelsPtr> labels;
  std::vector<std::size_t> of;  ///< group of each series

  Grouping(const Expr& expr, const Frame& input) {
    GroupIndex index;
    of.reserve(input.size());
    for (const Column& column : input) {
      model::Labels key = GroupLabels(expr, *column.labels);
      const auto [at, fresh] = index.try_emplace(std::move(key), labels.size());
      if (fresh) {
        labels.push_back(std::make_shared<model::Labels>(at->first));
      }
      of.push_back(at->second);
    }
  }
};

/// The running state of one group: value, mean and number of values at each step.
struct State {
  std::vector<double> value;
  std::vector<double> mean;
  std::vector<double> count;
};

void AddToMean(double& mean, double count, double v) {
  if (std::isinf(mean)) {
    if ((std::isinf(v) && (mean > 0) == (v > 0)) || std::isfinite(v)) {
      return;
    }
  }
  mean += v / count - mean / count;
}

void AddFirst(Op op, State& state, std::size_t i, double v) {
  state.count[i] = 1;
  switch (op) {
    case Op::kAvg:
      state.mean[i] = v;
      break;
    case Op::kStddev:
    case Op::kStdvar:
      state.mean[i] = v;
      state.value[i] = 0;
      break;
    case Op::kGroup:
      state.value[i] = 1;
      break;
    default:
      state.value[i] = v;
      break;
  }
}

void AddNext(Op op, State& state, std::size_t i, double v) {
  const double count = ++state.count[i];
  double& value = state.value[i];
  switch (op) {
    case Op::kSum:
      value += v;
      break;
    case Op::kAvg:
      AddToMean(state.mean[i], count, v);
      break;
    case Op::kMax:
      if (value < v || std::isnan(value)) {
        value = v;
      }
      break;
    case Op::kMin:
      if (value > v || std::isnan(value)) {
        value = v;
      }
      break;
    case Op::kStddev:
    case Op::kStdvar: {
      const double delta = v - state.mean[i];
      state.mean[i] += delta / count;
      value += delta * (v - state.mean[i]);
      break;
    }
    default:
      break;
  }
}

double Result(Op op, const State& state, std::size_t i) {
  switch (op) {
    case Op::kAvg:
      return state.mean[i];
    case Op::kCount:
      return state.count[i];
    case Op::kStdvar:
      return state.value[i] / state.count[i];
    case Op::kStddev:
      return std::sqrt(state.value[i] / state.count[i]);
    default:
      return state.value[i];
  }
}

base::Result<Frame> Simple(const Expr& expr, const Frame& input, std::size_t steps,
                           Budget& budget) {
  const Grouping grouping(expr, input);
  const std::size_t groups = grouping.labels.size();
  if (auto spent = budget.Spend(groups * steps); !spent) {
    return base::Fail(spent.error());
  }
  const std::vector<double> zero(steps, 0.0);
  std::vector<State> states(groups, State{zero, zero, zero});
  for (std::size_t s = 0; s < input.size(); ++s) {
    State& state = states[grouping.of[s]];
    for (std::size_t i = 0; i < steps; ++i) {
      const double v = input[s].v[i];
      if (IsAbsent(v)) {
        continue;
      }
      if (state.count[i] == 0) {
        AddFirst(expr.op, state, i, v);
      } else {
        AddNext(expr.op, state, i, v);
      }
    }
  }
  Frame out;
  for (std::size_t g = 0; g < groups; ++g) {
    Column column{grouping.labels[g], std::vector<double>(steps, Absent())};
    for (std::size_t i = 0; i < steps; ++i) {
      if (states[g].count[i] > 0) {
        column.v[i] = Result(expr.op, states[g], i);
      }
    }
    out.push_back(std::move(column));
  }
  return Joined(std::move(out));
}

/// Series of each group, in order.
std::vector<std::vector<std::size_t>> Members(const Grouping& grouping) {
  std::vector<std::vector<std::size_t>> out(grouping.labels.size());
  for (std::size_t s = 0; s < grouping.of.size(); ++s) {
    out[grouping.of[s]].push_back(s);
  }
  return out;
}

base::Result<Frame> QuantileOf(const Expr& expr, const Frame& input, const std::vector<double>& q,
                               std::size_t steps) {
  const Grouping grouping(expr, input);
  Frame out;
  std::vector<double> values;
  const auto members = Members(grouping);
  for (std::size_t g = 0; g < members.size(); ++g) {
    Column column{grouping.labels[g], std::vector<double>(steps, Absent())};
    for (std::size_t i = 0; i < steps; ++i) {
      values.clear();
      for (const std::size_t s : members[g]) {
        if (IsPresent(input[s].v[i])) {
          values.push_back(input[s].v[i]);
        }
      }
      if (!values.empty()) {
        column.v[i] = Quantile(q[i], values);
      }
    }
    out.push_back(std::move(column));
  }
  return Joined(std::move(out));
}

/// The k best of a stream, kept in a binary heap whose moves are those of Go's container/heap, so
/// that among equals the same ones stay.
class Best {
 public:
  Best(bool top, std::size_t k) : top_(top), k_(k) {}

  void Offer(std::size_t series, double v) {
    if (heap_.size() < k_) {
      heap_.push_back({v, series});
      Up(heap_.size() - 1);
      return;
    }
    const double worst = heap_[0].v;
    if (!(top_ ? worst < v : worst > v) && !std::isnan(worst)) {
      return;
    }
    if (k_ == 1) {
      heap_[0] = {v, series};
      return;
    }
    std::swap(heap_.front(), heap_.back());
    Down(heap_.size() - 1);
    heap_.back() = {v, series};
    Up(heap_.size() - 1);
  }

  /// The series kept, best first.
  std::vector<std::size_t> Sorted() {
    std::ranges::stable_sort(heap_, [this](const Entry& a, const Entry& b) { return Less(b, a); });
    std::vector<std::size_t> out;
    out.reserve(heap_.size());
    for (const Entry& entry : heap_) {
      out.push_back(entry.series);
    }
    return out;
  }
  void Clear() { heap_.clear(); }

 private:
  struct Entry {
    double v;
    std::size_t series;
  };
  /// Strict, unlike the original's for two NaNs: std::stable_sort insists on it.
  bool Less(const Entry& a, const Entry& b) const {
    if (std::isnan(a.v) || std::isnan(b.v)) {
      return std::isnan(a.v) && !std::isnan(b.v);
    }
    return top_ ? a.v < b.v : a.v > b.v;
  }
  bool Before(std::size_t a, std::size_t b) const {
    return std::isnan(heap_[a].v) || Less(heap_[a], heap_[b]);
  }
  void Up(std::size_t j) {
    while (j > 0) {
      const std::size_t parent = (j - 1) / 2;
      if (!Before(j, parent)) {
        break;
      }
      std::swap(heap_[parent], heap_[j]);
      j = parent;
    }
  }
  void Down(std::size_t size) {
    std::size_t i = 0;
    while (2 * i + 1 < size) {
      std::size_t child = 2 * i + 1;
      if (child + 1 < size && Before(child + 1, child)) {
        ++child;
      }
      if (!Before(child, i)) {
        break;
      }
      std::swap(heap_[i], heap_[child]);
      i = child;
    }
  }

  bool top_;
  std::size_t k_;
  std::vector<Entry> heap_;
};

base::Result<Frame> Extremes(const Expr& expr, const Frame& input, const std::vector<double>& k,
                             std::size_t steps) {
  constexpr double kInt64 = 9223372036854774784.0;
  for (const double f : k) {
    if (!(f <= kInt64 && f >= -9223372036854775808.0)) {
      return base::Fail(base::ErrorKind::kInvalid,
                        fmt::format("Scalar value {} overflows int64", FormatFloat(f)));
    }
  }
  const auto members = Members(Grouping(expr, input));
  Frame kept;
  for (const Column& column : input) {
    kept.push_back({column.labels, std::vector<double>(steps, Absent())});
  }
  std::vector<std::size_t> order;
  for (const auto& group : members) {
    for (std::size_t i = 0; i < steps; ++i) {
      if (k[i] < 1) {
        continue;
      }
      Best best(expr.op == Op::kTopk,
                static_cast<std::size_t>(std::min(k[i], static_cast<double>(group.size()))));
      for (const std::size_t s : group) {
        if (IsPresent(input[s].v[i])) {
          best.Offer(s, input[s].v[i]);
        }
      }
      order = steps == 1 ? order : std::vector<std::size_t>();
      for (const std::size_t s : best.Sorted()) {
        kept[s].v[i] = input[s].v[i];
        order.push_back(s);
      }
    }
  }
  if (steps == 1) {
    Frame sorted;
    for (const std::size_t s : order) {
      sorted.push_back(std::move(kept[s]));
    }
    return sorted;
  }
  DropEmpty(kept);
  return kept;
}

base::Result<Frame> CountValues(const Expr& expr, const Frame& input, const std::string& label,
                                std::size_t steps, Budget& budget) {
  if (!model::IsLabelName(label)) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("invalid label name {}", GoQuote(label)));
  }
  Frame out;
  GroupIndex groups;
  for (const Column& column : input) {
    // Value (by its bits) to group, for this series.
    std::unordered_map<std::uint64_t, std::size_t> known;
    for (std::size_t i = 0; i < steps; ++i) {
      const double v = column.v[i];
      if (IsAbsent(v)) {
        continue;
      }
      const auto [at, fresh] = known.try_emplace(std::bit_cast<std::uint64_t>(v), 0);
      if (fresh) {
        model::Labels key = *column.labels;
        const std::string text = FormatFixed(v);
        key.Set(label, text);
        key = GroupLabels(expr, key);
        if (!expr.without) {
          key.Set(label, text);
        }
        const auto [group, created] = groups.try_emplace(std::move(key), out.size());
        if (created) {
          if (auto spent = budget.Spend(steps); !spent) {
            return base::Fail(spent.error());
          }
          out.push_back({std::make_shared<model::Labels>(group->first),
                         std::vector<double>(steps, Absent())});
        }
        at->second = group->second;
      }
      double& count = out[at->second].v[i];
      count = IsPresent(count) ? count + 1 : 1;
    }
  }
  return Joined(std::move(out));
}

}  // namespace

base::Result<Frame> Aggregated(const Expr& expr, const Frame& input,
                               const std::vector<double>* parameter, const std::string& text,
                               std::size_t steps, Budget& budget) {
  switch (expr.op) {
    case Op::kTopk:
    case Op::kBottomk:
      return Extremes(expr, input, *parameter, steps);
    case Op::kQuantile:
      return QuantileOf(expr, input, *parameter, steps);
    case Op::kCountValues:
      return CountValues(expr, input, text, steps, budget);
    default:
      return Simple(expr, input, steps, budget);
  }
}

}  // namespace promql
