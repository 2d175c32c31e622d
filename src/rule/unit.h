// Unit tests of rules, in the format of `promtool test rules`: series written by hand, and the
// alerts and values that the rules must make of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/node.h"
#include "model/labels.h"
#include "promql/expr.h"
#include "rule/rule.h"

namespace rule {

/// One series of a test: values at 0, `interval`, 2 × `interval` …
struct UnitSeries {
  model::Labels labels;
  std::vector<std::optional<double>> values;
};

/// Labels and annotations of a firing alert.
struct UnitAlert {
  model::Labels labels;
  model::Labels annotations;
  auto operator<=>(const UnitAlert&) const = default;
};

struct UnitAlertTest {
  base::Duration at{};
  std::string alertname;
  std::vector<UnitAlert> alerts;  ///< those that must fire, without their alertname
};

struct UnitSample {
  model::Labels labels;
  double value = 0;
};

struct UnitExprTest {
  base::Duration at{};
  std::string text;
  std::shared_ptr<const promql::Expr> expr;
  std::vector<UnitSample> samples;
};

/// One entry of `tests:`.
struct UnitTest {
  std::string name;
  base::Duration interval{};
  std::vector<UnitSeries> series;
  std::vector<UnitAlertTest> alert_tests;
  std::vector<UnitExprTest> expr_tests;
  Surroundings surroundings;  ///< external_labels and external_url
};

/// A test file, with the rules that it is about.
struct UnitFile {
  std::vector<Group> groups;  ///< in the order of evaluation
  base::Duration evaluation_interval = std::chrono::minutes(1);
  std::vector<UnitTest> tests;
  std::vector<std::string> warnings;      ///< patterns that no file matches
  std::vector<config::Problem> problems;  ///< of the file and of the rule files
};

/// Reads a test file and its rule files. Errors: only an unreadable file; every mistake is a
/// problem, and with problems the file must not be run.
base::Result<UnitFile> LoadUnitFile(const std::string& path);

/// How rules are run.
struct UnitOptions {
  /// True: a series without data ends its alerts, as in Prometheus; false: as its rule says
  /// (`raksa_no_data`).
  bool as_prometheus = false;
};

/// Runs one test and gives what was not as it must be, in promtool's words.
std::vector<std::string> RunUnitTest(const UnitFile& file, const UnitTest& test,
                                     const UnitOptions& options);

}  // namespace rule
