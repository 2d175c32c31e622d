// Grafana 4 to 8: one message a rule and state; the source design's webhook takes these.
#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "alert/inbound/fields.h"
#include "alert/inbound/readers.h"

namespace alert::inbound {
namespace {

namespace json = boost::json;

/// The metric's name in a legend as Grafana makes it without an alias: `port{ip="…"}`. An alias
/// ("Count") is no metric.
std::string MetricOfLegend(std::string_view legend) {
  const auto brace = legend.find('{');
  if (brace == std::string_view::npos || !legend.ends_with('}')) {
    return "";
  }
  const auto name = legend.substr(0, brace);
  return model::IsMetricName(name) ? std::string(name) : "";
}

/// What all alerts of the message have in common.
Draft Common(const json::object& body, const std::string& rule) {
  Draft draft;
  AddLabels(draft.labels, ObjectAt(body, "tags"));
  AddLabel(draft.labels, "alertname", TextAt(body, {"ruleName", "rule_name", "title"}));
  AddLabel(draft.labels, "rule_id", rule);
  AddLabel(draft.annotations, "summary", TextAt(body, {"message"}));
  AddLabel(draft.annotations, "title", TextAt(body, {"title"}));
  draft.url = TextAt(body, {"ruleUrl", "rule_url"});
  return draft;
}

Draft OfMatch(Draft draft, const json::object& match) {
  const auto* tags = ObjectAt(match, "tags");
  const auto name = std::string(draft.labels.Get("alertname"));
  AddLabels(draft.labels, tags);
  draft.labels.Set("alertname", name);
  const auto legend = TextAt(match, {"metric"});
  if (tags != nullptr) {
    draft.metric = TextAt(*tags, {"__name__", "metric"});
  }
  if (draft.metric.empty()) {
    draft.metric = MetricOfLegend(legend);
  }
  AddLabel(draft.annotations, "series", legend);
  draft.value = NumberAt(match, "value").value_or(draft.value);
  return draft;
}

/// "1/3": organisation and rule; "" when there is no rule's id.
std::string RuleOf(const json::object& body) {
  const auto rule = TextAt(body, {"ruleId", "rule_id"});
  const auto org = TextAt(body, {"orgId", "org_id"});
  return rule.empty() ? "" : (org.empty() ? "0" : org) + "/" + rule;
}

}  // namespace

void ReadGrafanaLegacy(const json::object& body, Collector& out) {
  const auto state = TextAt(body, {"state"});
  const auto rule = RuleOf(body);
  const Draft common = Common(body, rule);
  const auto name = Quoted(common.labels.Get("alertname"));
  if (TextAt(body, {"ruleId"}) == "0" || common.labels.Get("alertname") == "Test notification") {
    return out.Ignore("test notice " + name + ": nothing is done");
  }
  if (state == "ok") {
    // Its matches are gone with the trouble: the rule's id says what has ended.
    if (rule.empty()) {
      return out.Ignore("rule " + name + " is well again, but the message does not say its id");
    }
    return out.End({{"rule_id", std::string(common.labels.Get("rule_id"))},
                    {"alertname", std::string(common.labels.Get("alertname"))}});
  }
  if (state != "alerting") {
    return out.Ignore(fmt::format("rule {} is in state {}: only alerting and ok mean something",
                                  name, Quoted(state)));
  }
  bool any = false;
  if (const auto* matches = ArrayAt(body, "evalMatches")) {
    for (const auto& match : *matches) {
      if (match.is_object() && out.Begin()) {
        any = true;
        out.Take(OfMatch(common, match.get_object()));
      }
    }
  }
  if (!any && out.Begin()) {
    out.Take(common);
  }
}

}  // namespace alert::inbound
