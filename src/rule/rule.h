// Rule files: recording and alerting rules in Prometheus's own format, read with all their
// mistakes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/node.h"
#include "model/labels.h"
#include "promql/expr.h"
#include "rule/template.h"

namespace rule {

/// What an alerting rule does when a series that it judged gives no data any more: the annotation
/// `raksa_no_data`, which Prometheus's own tools take as any other.
enum class NoData {
  kKeep,   ///< the alert stays as it was (the source's behaviour, and the default)
  kAlert,  ///< that is a reason to alert
  kOk      ///< the alert ends, as in Prometheus
};

/// The annotation that says so; it is taken off the alerts.
inline constexpr std::string_view kNoDataAnnotation = "raksa_no_data";

/// One rule. `record` and `alert` exclude each other.
struct Rule {
  bool alerting = false;
  std::string name;  ///< the metric that is recorded, or the alert's name
  std::string text;  ///< the expression as written
  std::shared_ptr<const promql::Expr> expr;
  /// Gives a sample for every series that `expr` could judge, whether or not it holds; nullptr when
  /// the absence of a result always means that the condition is over (absent(), vector()).
  std::shared_ptr<const promql::Expr> presence;
  std::vector<std::string> metrics;  ///< names of the metrics asked for; "" = any
  base::Duration hold{};             ///< `for`
  base::Duration keep_firing_for{};
  std::vector<std::pair<std::string, Template>> labels;
  std::vector<std::pair<std::string, Template>> annotations;
  NoData no_data = NoData::kKeep;
  config::Place place;
};

/// Rules that are evaluated together, in order.
struct Group {
  std::string name;
  std::string file;
  base::Duration interval{};  ///< zero: the default
  int limit = 0;              ///< of series a rule may give; 0 = none
  std::vector<Rule> rules;
};

/// What a file holds. With problems it must not be used.
struct Loaded {
  std::vector<Group> groups;
  std::vector<config::Problem> problems;
};

/// Reads a rule file. Errors: only an unreadable file; every mistake is a problem.
base::Result<Loaded> LoadFile(const std::string& path);
/// The same for text as if it stood in `file`.
Loaded LoadText(std::string text, std::string file);
/// The presence expression of an alert's expression (Rule::presence): comparisons that decide are
/// turned into `bool` ones.
std::shared_ptr<const promql::Expr> PresenceOf(const promql::Expr& expr);

}  // namespace rule
