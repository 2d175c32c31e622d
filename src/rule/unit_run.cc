// One unit test: the rules evaluated over time, what fires and what expressions give.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "promql/engine.h"
#include "promql/memory_querier.h"
#include "promql/number.h"
#include "rule/manager.h"
#include "rule/unit.h"

namespace rule {
namespace {

/// Every line but the first moved to the right.
std::string Indented(std::string_view text, std::string_view by) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') {
      out += by;
    }
  }
  return out;
}

std::string Shown(const model::Labels& labels) {
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    out += fmt::format("{}{}={}", out.size() > 1 ? ", " : "", name, promql::GoQuote(value));
  }
  return out + "}";
}

/// As promtool prints alerts.
std::string Shown(const std::vector<UnitAlert>& alerts) {
  if (alerts.empty()) {
    return "[]";
  }
  std::string out = "[";
  for (std::size_t i = 0; i < alerts.size(); ++i) {
    out += fmt::format("{}\n{}:\n  Labels:{}\n  Annotations:{}", i > 0 ? "," : "", i,
                       Shown(alerts[i].labels), Shown(alerts[i].annotations));
  }
  return out + "\n]";
}

/// strconv.FormatFloat(v, 'E', -1, 64).
std::string Exponent(double v) {
  if (!std::isfinite(v)) {
    return promql::FormatFixed(v);
  }
  std::string text = fmt::format("{:e}", v);
  for (int digits = 0; digits <= 17; ++digits) {
    text = fmt::format("{:.{}E}", v, digits);
    if (promql::ParseFloat(text) == v) {
      break;
    }
  }
  return text;
}

std::string Shown(const std::vector<UnitSample>& samples) {
  if (samples.empty()) {
    return "nil";
  }
  std::string out;
  for (const auto& sample : samples) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", Shown(sample.labels),
                       Exponent(sample.value));
  }
  return out;
}

class UnitRun {
 public:
  UnitRun(const UnitFile& file, const UnitTest& test, const UnitOptions& options)
      : file_(file), test_(test), manager_(Groups(file, options), ManagerOptionsOf(file, test)) {}

  std::vector<std::string> Run() {
    if (Evaluate()) {
      for (const auto& one : test_.expr_tests) {
        CheckExpr(one);
      }
    }
    return std::move(failures_);
  }

 private:
  static std::vector<Group> Groups(const UnitFile& file, const UnitOptions& options) {
    auto groups = file.groups;
    for (auto& group : groups) {
      for (auto& rule : group.rules) {
        rule.no_data = options.as_prometheus ? NoData::kOk : rule.no_data;
      }
    }
    return groups;
  }

  static ManagerOptions ManagerOptionsOf(const UnitFile& file, const UnitTest& test) {
    ManagerOptions out;
    out.interval = file.evaluation_interval;
    out.surroundings = test.surroundings;
    return out;
  }

  [[nodiscard]] base::Result<promql::Value> Ask(const promql::Expr& expr,
                                                model::Timestamp at) const {
    promql::Limits limits;
    limits.subquery_step = file_.evaluation_interval;
    auto answer = promql::Engine(&data_, limits).Instant(expr, at);
    return answer ? base::Result<promql::Value>(std::move(answer->value))
                  : base::Fail(answer.error());
  }

  /// Puts in what has happened up to `now`, as nothing may be known of the future.
  void Load(base::Duration now) {
    while (loaded_ * test_.interval <= now) {
      const auto t = static_cast<model::Timestamp>((loaded_ * test_.interval).count() / 1'000'000);
      for (const auto& series : test_.series) {
        if (static_cast<std::size_t>(loaded_) < series.values.size() &&
            series.values[static_cast<std::size_t>(loaded_)]) {
          data_.Add(series.labels, t, *series.values[static_cast<std::size_t>(loaded_)]);
        }
      }
      ++loaded_;
    }
  }

  /// Evaluates all groups from 0 to the last moment that a test asks for. False: a rule failed.
  bool Evaluate() {
    base::Duration last{};
    for (const auto& one : test_.alert_tests) {
      last = std::max(last, one.at);
    }
    for (const auto& one : test_.expr_tests) {
      last = std::max(last, one.at);
    }
    for (base::Duration now{}; now <= last; now += file_.evaluation_interval) {
      Load(now);
      if (!EvaluateAt(now)) {
        return false;
      }
      for (const auto& one : test_.alert_tests) {
        if (now <= one.at && one.at < now + file_.evaluation_interval) {
          CheckAlerts(one);
        }
      }
    }
    Load(last);
    return true;
  }

  bool EvaluateAt(base::Duration now) {
    const QueryFunc query = [this](const promql::Expr& expr, model::Timestamp at) {
      return Ask(expr, at);
    };
    bool good = true;
    const RecordFunc record = [this](const std::vector<model::Sample>& samples,
                                     model::Timestamp t) {
      for (const auto& sample : samples) {
        data_.Add(*sample.labels, t, sample.value);
      }
    };
    for (std::size_t i = 0; i < manager_.size(); ++i) {
      const auto done = manager_.Evaluate(i, base::Time(now), query, record);
      record(done.samples, done.t);
      const auto views = manager_.Views();
      const auto& view = views[i];
      for (const auto& rule : view.rules) {
        if (!rule.error.empty()) {
          failures_.push_back(fmt::format("    rule: {}, time: {}, err: {}", rule.rule->name,
                                          base::FormatDuration(now), rule.error));
          good = false;
        }
      }
    }
    return good;
  }

  void CheckAlerts(const UnitAlertTest& one) {
    std::vector<UnitAlert> got;
    for (const auto& group : manager_.Views()) {
      for (const auto& rule : group.rules) {
        for (const auto& alert : rule.alerts) {
          if (rule.rule->name == one.alertname && alert.state == AlertState::kFiring) {
            got.push_back({alert.labels, alert.annotations});
          }
        }
      }
    }
    auto expected = one.alerts;
    for (auto& alert : expected) {
      alert.labels.Set("alertname", one.alertname);
    }
    std::ranges::sort(got);
    std::ranges::sort(expected);
    if (got != expected) {
      const std::string name = test_.name.empty() ? "" : fmt::format("    name: {},\n", test_.name);
      failures_.push_back(fmt::format(
          "{}    alertname: {}, time: {}, \n        exp:{}, \n        got:{}", name, one.alertname,
          base::FormatDuration(one.at), Indented(Shown(expected), "            "),
          Indented(Shown(got), "            ")));
    }
  }

  void CheckExpr(const UnitExprTest& one) {
    const auto fail = [&](const std::string& what) {
      failures_.push_back(fmt::format("    expr: {}, time: {},{}", promql::GoQuote(one.text),
                                      base::FormatDuration(one.at), what));
    };
    const auto value = Ask(*one.expr, static_cast<model::Timestamp>(one.at.count() / 1'000'000));
    if (!value) {
      return fail(" err: " + value.error().message);
    }
    std::vector<UnitSample> got;
    if (const auto* scalar = std::get_if<promql::Scalar>(&*value)) {
      got.push_back({{}, scalar->v});
    } else if (const auto* vector = std::get_if<promql::Vector>(&*value)) {
      for (const auto& sample : *vector) {
        got.push_back({*sample.labels, sample.v});
      }
    } else {
      return fail(" err: rule result is not a vector or scalar");
    }
    auto expected = one.samples;
    std::ranges::stable_sort(got, {}, &UnitSample::labels);
    std::ranges::stable_sort(expected, {}, &UnitSample::labels);
    const bool same = std::ranges::equal(got, expected, [](const auto& a, const auto& b) {
      return a.labels == b.labels && a.value == b.value;
    });
    if (!same) {
      fail(fmt::format("\n        exp: {}\n        got: {}", Shown(expected), Shown(got)));
    }
  }

  const UnitFile& file_;
  const UnitTest& test_;
  Manager manager_;
  promql::MemoryQuerier data_;
  std::int64_t loaded_ = 0;  ///< values of each series that are in data_
  std::vector<std::string> failures_;
};

}  // namespace

std::vector<std::string> RunUnitTest(const UnitFile& file, const UnitTest& test,
                                     const UnitOptions& options) {
  return UnitRun(file, test, options).Run();
}

}  // namespace rule
