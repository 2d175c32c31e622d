// Series notation: series with their values on one line, as Prometheus's rule unit tests and test
// scripts write them: `up{job="a"}` and `1+1x5 _ stale`.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/labels.h"
#include "promql/expr.h"

namespace promql {

/// The most values that one text may stand for.
inline constexpr std::size_t kMaxNotedValues = 1'000'000;

/// Reads `name{a="b"}`, `{a="b"}` or `{}` as labels. On a mistake gives nullopt and fills `error`.
std::optional<model::Labels> ParseLabels(std::string_view text, ParseError& error);

/// Reads values in a row, nullopt for one that is not there (`_`): `2` one value, `2x3` the same
/// and three more, `2+3x4` 2 5 8 11 14, `_x3` three that are not there, `stale` the marker. On a
/// mistake gives nullopt and fills `error`. Source: prometheus 2.42, unit_testing_rules.
std::optional<std::vector<std::optional<double>>> ParseValues(std::string_view text,
                                                              ParseError& error);

}  // namespace promql
