// The signatures of all functions of PromQL as of Prometheus 2.42.
#include <algorithm>
#include <array>

#include "promql/expr.h"

namespace promql {
namespace {

constexpr auto S = ValueType::kScalar;
constexpr auto V = ValueType::kVector;
constexpr auto M = ValueType::kMatrix;
constexpr auto T = ValueType::kString;

/// Sorted by name.
const std::vector<Function> kTable = {
    {"abs", {V}},
    {"absent", {V}},
    {"absent_over_time", {M}},
    {"acos", {V}},
    {"acosh", {V}},
    {"asin", {V}},
    {"asinh", {V}},
    {"atan", {V}},
    {"atanh", {V}},
    {"avg_over_time", {M}},
    {"ceil", {V}},
    {"changes", {M}},
    {"clamp", {V, S, S}},
    {"clamp_max", {V, S}},
    {"clamp_min", {V, S}},
    {"cos", {V}},
    {"cosh", {V}},
    {"count_over_time", {M}},
    {"day_of_month", {V}, 1},
    {"day_of_week", {V}, 1},
    {"day_of_year", {V}, 1},
    {"days_in_month", {V}, 1},
    {"deg", {V}},
    {"delta", {M}},
    {"deriv", {M}},
    {"exp", {V}},
    {"floor", {V}},
    {"histogram_count", {V}},
    {"histogram_fraction", {S, S, V}},
    {"histogram_quantile", {S, V}},
    {"histogram_sum", {V}},
    {"holt_winters", {M, S, S}},
    {"hour", {V}, 1},
    {"idelta", {M}},
    {"increase", {M}},
    {"irate", {M}},
    {"label_join", {V, T, T, T}, -1},
    {"label_replace", {V, T, T, T, T}},
    {"last_over_time", {M}},
    {"ln", {V}},
    {"log10", {V}},
    {"log2", {V}},
    {"max_over_time", {M}},
    {"min_over_time", {M}},
    {"minute", {V}, 1},
    {"month", {V}, 1},
    {"pi", {}, 0, S},
    {"predict_linear", {M, S}},
    {"present_over_time", {M}},
    {"quantile_over_time", {S, M}},
    {"rad", {V}},
    {"rate", {M}},
    {"resets", {M}},
    {"round", {V, S}, 1},
    {"scalar", {V}, 0, S},
    {"sgn", {V}},
    {"sin", {V}},
    {"sinh", {V}},
    {"sort", {V}},
    {"sort_desc", {V}},
    {"sqrt", {V}},
    {"stddev_over_time", {M}},
    {"stdvar_over_time", {M}},
    {"sum_over_time", {M}},
    {"tan", {V}},
    {"tanh", {V}},
    {"time", {}, 0, S},
    {"timestamp", {V}},
    {"vector", {S}},
    {"year", {V}, 1},
};

}  // namespace

const Function* FindFunction(std::string_view name) {
  const auto at = std::ranges::lower_bound(kTable, name, {}, &Function::name);
  return at != kTable.end() && at->name == name ? &*at : nullptr;
}

std::vector<std::string> FunctionNames() {
  std::vector<std::string> out;
  out.reserve(kTable.size());
  for (const Function& function : kTable) {
    out.emplace_back(function.name);
  }
  return out;
}

}  // namespace promql
