// Reading of test files, with every mistake at its place.
#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "promql/number.h"
#include "promql/series_notation.h"
#include "rule/place.h"
#include "rule/unit.h"

namespace rule {
namespace {

using config::MapReader;
using config::Node;

constexpr base::Duration kLongest = std::chrono::hours(24 * 365);
constexpr std::size_t kMaxRuleFiles = 1'000;

std::vector<std::string> Matching(const std::string& pattern) {
  std::vector<std::string> out;
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      out.emplace_back(found.gl_pathv[i]);
    }
  }
  globfree(&found);
  return out;
}

class UnitLoader {
 public:
  UnitLoader(std::shared_ptr<config::Document> document, std::string source)
      : document_(std::move(document)), source_(std::move(source)) {}

  UnitFile Load() {
    if (document_->ok()) {
      MapReader root(document_->Root(), "a test file");
      if (root.ok()) {
        ReadRoot(root);
      }
    }
    auto problems = document_->problems();
    problems.insert(problems.end(), out_.problems.begin(), out_.problems.end());
    out_.problems = std::move(problems);
    return std::move(out_);
  }

 private:
  static std::vector<Node> Listed(const Node& node, std::string_view what) {
    return node ? node.Items(what) : std::vector<Node>();
  }

  static base::Duration Span(const Node& node, base::Duration otherwise = {}) {
    return node ? node.Span(base::Duration(0), kLongest).value_or(otherwise) : otherwise;
  }

  static model::Labels Texts(const Node& node, std::string_view what) {
    model::Labels out;
    for (const Node& entry : node ? node.Entries(what) : std::vector<Node>()) {
      if (entry.IsScalar() || entry.IsNull()) {
        out.Set(entry.key(), entry.text());
      } else {
        entry.Report(fmt::format("\"{}\" must be a text", entry.key()));
      }
    }
    return out;
  }

  void ReportIn(const Node& node, const promql::ParseError& error) {
    document_->Report(PlaceIn(node, error, source_), error.message);
  }

  void ReadRoot(MapReader& root) {
    const auto interval = root.Optional("evaluation_interval");
    out_.evaluation_interval = Span(interval, out_.evaluation_interval);
    if (interval && out_.evaluation_interval < std::chrono::milliseconds(1)) {
      interval.Report("the interval must be longer than 0");
      out_.evaluation_interval = std::chrono::minutes(1);
    }
    for (const Node& item : Listed(root.Optional("rule_files"), "rule_files")) {
      ReadRules(item);
    }
    ReadOrder(root.Optional("group_eval_order"));
    for (const Node& item : Listed(root.Optional("tests"), "tests")) {
      ReadTest(item);
    }
    root.Finish();
  }

  void ReadRules(const Node& item) {
    const auto pattern = item.String();
    if (!pattern) {
      return;
    }
    const auto files = Matching(config::ResolvePath(document_->file(), *pattern));
    if (files.empty()) {
      out_.warnings.push_back("no file match pattern " + *pattern);
    }
    for (const auto& file : files) {
      if (!files_.insert(file).second || files_.size() > kMaxRuleFiles) {
        continue;
      }
      auto loaded = LoadFile(file);
      if (!loaded) {
        item.Report(loaded.error().message);
        continue;
      }
      std::ranges::move(loaded->groups, std::back_inserter(out_.groups));
      std::ranges::move(loaded->problems, std::back_inserter(out_.problems));
    }
  }

  void ReadOrder(const Node& node) {
    std::map<std::string, int> order;
    for (const Node& item : Listed(node, "group_eval_order")) {
      const auto name = item.String();
      if (name && !order.emplace(*name, static_cast<int>(order.size())).second) {
        item.Report(fmt::format("group name repeated in evaluation order: {}", *name));
      }
    }
    std::ranges::stable_sort(out_.groups, {}, [&](const Group& group) {
      const auto at = order.find(group.name);
      return at == order.end() ? 0 : at->second;
    });
  }

  void ReadTest(const Node& node) {
    UnitTest test;
    MapReader map(node, "a test");
    if (!map.ok()) {
      return;
    }
    if (const Node name = map.Optional("name")) {
      test.name = name.text();
    }
    const Node interval = map.Optional("interval");
    test.interval = Span(interval, out_.evaluation_interval);
    if (interval && test.interval < std::chrono::milliseconds(1)) {
      test.interval = out_.evaluation_interval;
    }
    for (const Node& item : Listed(map.Optional("input_series"), "input_series")) {
      ReadSeries(item, test);
    }
    for (const Node& item : Listed(map.Optional("alert_rule_test"), "alert_rule_test")) {
      ReadAlertTest(item, test);
    }
    for (const Node& item : Listed(map.Optional("promql_expr_test"), "promql_expr_test")) {
      ReadExprTest(item, test);
    }
    test.surroundings.labels = Texts(map.Optional("external_labels"), "external_labels");
    if (const Node url = map.Optional("external_url")) {
      test.surroundings.url = url.text();
    }
    map.Finish();
    out_.tests.push_back(std::move(test));
  }

  void ReadSeries(const Node& node, UnitTest& test) {
    MapReader map(node, "a series");
    const Node series = map.Required("series");
    const Node values = map.Required("values");
    map.Finish();
    if (!series || !values) {
      return;
    }
    promql::ParseError error;
    const auto labels = promql::ParseLabels(series.text(), error);
    if (!labels) {
      ReportIn(series, error);
    }
    auto points = promql::ParseValues(values.text(), error);
    if (!points) {
      ReportIn(values, error);
    }
    if (labels && points) {
      test.series.push_back({*labels, std::move(*points)});
    }
  }

  void ReadAlertTest(const Node& node, UnitTest& test) {
    UnitAlertTest out;
    MapReader map(node, "an alert_rule_test");
    out.at = Span(map.Optional("eval_time"));
    if (const Node name = map.Required("alertname")) {
      out.alertname = name.String().value_or("");
    }
    for (const Node& item : Listed(map.Optional("exp_alerts"), "exp_alerts")) {
      MapReader alert(item, "an expected alert");
      UnitAlert expected;
      expected.labels = Texts(alert.Optional("exp_labels"), "exp_labels");
      expected.annotations = Texts(alert.Optional("exp_annotations"), "exp_annotations");
      alert.Finish();
      out.alerts.push_back(std::move(expected));
    }
    map.Finish();
    test.alert_tests.push_back(std::move(out));
  }

  void ReadExprTest(const Node& node, UnitTest& test) {
    UnitExprTest out;
    MapReader map(node, "a promql_expr_test");
    const Node expr = map.Required("expr");
    out.at = Span(map.Optional("eval_time"));
    if (expr) {
      promql::ParseError error;
      out.text = expr.text();
      out.expr = promql::ParseExpr(out.text, error);
      if (!out.expr) {
        ReportIn(expr, error);
      }
    }
    for (const Node& item : Listed(map.Optional("exp_samples"), "exp_samples")) {
      ReadSample(item, out);
    }
    map.Finish();
    if (out.expr) {
      test.expr_tests.push_back(std::move(out));
    }
  }

  void ReadSample(const Node& node, UnitExprTest& test) {
    MapReader map(node, "an expected sample");
    const Node labels = map.Optional("labels");
    const Node value = map.Optional("value");
    map.Finish();
    UnitSample out;
    if (labels) {
      promql::ParseError error;
      const auto read = promql::ParseLabels(labels.text(), error);
      if (!read) {
        ReportIn(labels, error);
        return;
      }
      out.labels = *read;
    }
    if (value) {
      std::string text = value.text();
      const auto dot = text.find('.');  // YAML writes .inf and .nan
      if (dot != std::string::npos && dot + 1 < text.size() && std::isalpha(text[dot + 1]) != 0) {
        text.erase(dot, 1);
      }
      const auto number = promql::ParseFloat(text);
      if (!number) {
        value.Report(fmt::format("\"{}\" is no number", value.text()));
        return;
      }
      out.value = *number;
    }
    test.samples.push_back(std::move(out));
  }

  std::shared_ptr<config::Document> document_;
  std::string source_;
  UnitFile out_;
  std::set<std::string> files_;
};

}  // namespace

base::Result<UnitFile> LoadUnitFile(const std::string& path) {
  auto document = config::Document::Load(path);
  if (!document) {
    return base::Fail(document.error());
  }
  return UnitLoader(*document, Slurp(path)).Load();
}

}  // namespace rule
