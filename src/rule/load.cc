// Reading of rule files, with every mistake at its place.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "rule/place.h"
#include "rule/rule.h"

namespace rule {
namespace {

using config::MapReader;
using config::Node;

constexpr base::Duration kLongest = std::chrono::hours(24 * 365 * 10);

class Loader {
 public:
  Loader(std::shared_ptr<config::Document> document, std::string source)
      : document_(std::move(document)), source_(std::move(source)) {}

  Loaded Load() {
    Loaded out;
    if (document_->ok()) {
      MapReader root(document_->Root(), "a rule file");
      if (root.ok()) {
        std::set<std::string> names;
        for (const Node& node : Listed(root.Optional("groups"), "groups")) {
          out.groups.push_back(ReadGroup(node, names));
        }
        root.Finish();
      }
    }
    out.problems = document_->problems();
    return out;
  }

 private:
  static std::vector<Node> Listed(const Node& node, std::string_view what) {
    return node ? node.Items(what) : std::vector<Node>();
  }

  static base::Duration Span(const Node& node) {
    return node ? node.Span(base::Duration(0), kLongest).value_or(base::Duration(0))
                : base::Duration(0);
  }

  Group ReadGroup(const Node& node, std::set<std::string>& names) {
    Group group;
    group.file = document_->file();
    MapReader map(node, "a rule group");
    if (!map.ok()) {
      return group;
    }
    if (const Node name = map.Required("name")) {
      group.name = name.String().value_or("");
      if (!group.name.empty() && !names.insert(group.name).second) {
        name.Report(fmt::format("group \"{}\" is repeated in the same file", group.name));
      }
    }
    group.interval = Span(map.Optional("interval"));
    if (const Node limit = map.Optional("limit")) {
      group.limit = static_cast<int>(limit.Integer(0, 1'000'000).value_or(0));
    }
    std::set<std::string> seen;
    for (const Node& rule : Listed(map.Optional("rules"), "rules")) {
      group.rules.push_back(ReadRule(rule, seen));
    }
    map.Finish();
    return group;
  }

  Rule ReadRule(const Node& node, std::set<std::string>& seen) {
    Rule rule;
    rule.place = node.place();
    MapReader map(node, "a rule");
    if (!map.ok()) {
      return rule;
    }
    const Node record = map.Optional("record");
    const Node alert = map.Optional("alert");
    const Node expr = map.Required("expr");
    const Node hold = map.Optional("for");
    const Node keep = map.Optional("keep_firing_for");
    const Node labels = map.Optional("labels");
    const Node annotations = map.Optional("annotations");
    map.Finish();
    if (static_cast<bool>(record) == static_cast<bool>(alert)) {
      node.Report(record ? "only one of 'record' and 'alert' must be set"
                         : "one of 'record' or 'alert' must be set");
      return rule;
    }
    rule.alerting = static_cast<bool>(alert);
    rule.name = (alert ? alert : record).String().value_or("");
    if (record) {
      CheckRecording(rule, record, {hold, keep, annotations});
    }
    ReadExpression(rule, expr);
    rule.hold = Span(hold);
    rule.keep_firing_for = Span(keep);
    rule.labels = ReadTexts(labels, "labels", rule.alerting);
    rule.annotations = ReadTexts(annotations, "annotations", rule.alerting);
    ReadNoData(rule, annotations);
    CheckRepeated(rule, node, seen);
    return rule;
  }

  void CheckRecording(const Rule& rule, const Node& record, const std::array<Node, 3>& forbidden) {
    if (!rule.name.empty() && !model::IsMetricName(rule.name)) {
      record.Report(fmt::format("invalid recording rule name: {}", rule.name));
    }
    for (const Node& node : forbidden) {
      if (node) {
        document_->Report(node.key_place(),
                          fmt::format("invalid field '{}' in recording rule", node.key()));
      }
    }
  }

  void ReadExpression(Rule& rule, const Node& node) {
    if (!node) {
      return;
    }
    rule.text = node.text();
    if (rule.text.empty()) {
      node.Report("field 'expr' must be set in rule");
      return;
    }
    promql::ParseError error;
    rule.expr = promql::ParseExpr(rule.text, error);
    if (!rule.expr) {
      document_->Report(PlaceIn(node, error, source_),
                        fmt::format("could not parse expression: {}", error.message));
      return;
    }
    rule.metrics = promql::MetricNames(*rule.expr);
    rule.presence = rule.alerting ? PresenceOf(*rule.expr) : nullptr;
    const auto type = rule.expr->Type();
    if (type != promql::ValueType::kVector && type != promql::ValueType::kScalar) {
      node.Report(
          fmt::format("a rule's expression must give an instant vector or a scalar, not a {}",
                      promql::DocumentedType(type)));
    }
  }

  std::vector<std::pair<std::string, Template>> ReadTexts(const Node& node, std::string_view what,
                                                          bool templates) {
    std::vector<std::pair<std::string, Template>> out;
    if (!node) {
      return out;
    }
    for (const Node& entry : node.Entries(what)) {
      if (!model::IsLabelName(entry.key()) || entry.key() == model::kName) {
        document_->Report(entry.key_place(),
                          fmt::format("invalid {} name: {}",
                                      what == "labels" ? "label" : "annotation", entry.key()));
        continue;
      }
      if (!entry.IsScalar() && !entry.IsNull()) {
        entry.Report(fmt::format("\"{}\" must be a text", entry.key()));
        continue;
      }
      std::string text = entry.text();
      auto parsed = Template::Parse(templates ? text : "");
      if (!parsed) {
        entry.Report(fmt::format("template of \"{}\": {}", entry.key(), parsed.error().message));
        continue;
      }
      if (!templates) {
        // A recording rule's labels are taken as they are.
        parsed = Template::Literal(std::move(text));
      }
      out.emplace_back(entry.key(), std::move(*parsed));
    }
    return out;
  }

  static void ReadNoData(Rule& rule, const Node& annotations) {
    if (!annotations || !annotations.IsMap()) {
      return;
    }
    for (const Node& entry : annotations.Entries("annotations")) {
      if (entry.key() != kNoDataAnnotation) {
        continue;
      }
      constexpr std::array<std::string_view, 3> kWords = {"keep", "alert", "ok"};
      const auto word = entry.Word(kWords);
      if (word) {
        rule.no_data = *word == "keep"    ? NoData::kKeep
                       : *word == "alert" ? NoData::kAlert
                                          : NoData::kOk;
      }
    }
    std::erase_if(rule.annotations,
                  [](const auto& pair) { return pair.first == kNoDataAnnotation; });
  }

  static void CheckRepeated(const Rule& rule, const Node& node, std::set<std::string>& seen) {
    std::string key = rule.name + '\0' + rule.text;
    for (const auto& [name, value] : rule.labels) {
      key += '\0' + name + '\0' + value.text();
    }
    if (!rule.name.empty() && !seen.insert(key).second) {
      node.Report(fmt::format("\"{}\" is repeated with the same expression and labels", rule.name));
    }
  }

  std::shared_ptr<config::Document> document_;
  std::string source_;
};

}  // namespace

base::Result<Loaded> LoadFile(const std::string& path) {
  auto document = config::Document::Load(path);
  if (!document) {
    return base::Fail(document.error());
  }
  return Loader(*document, Slurp(path)).Load();
}

Loaded LoadText(std::string text, std::string file) {
  auto document = config::Document::Parse(text, std::move(file));
  return Loader(std::move(document), std::move(text)).Load();
}

}  // namespace rule
