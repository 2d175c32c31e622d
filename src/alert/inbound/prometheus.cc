// Messages in Prometheus's terms: Grafana's unified alerting, Alertmanager's webhook and its API.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <chrono>
#include <optional>

#include "alert/inbound/fields.h"
#include "alert/inbound/readers.h"

namespace alert::inbound {
namespace {

namespace json = boost::json;

/// The metric's name among the labels that Grafana writes into its valueString:
/// `[ var='A' labels={__name__=port, ip=192.0.2.11} value=0 ]`.
std::string MetricOfValues(std::string_view text) {
  constexpr std::string_view kKey = "__name__=";
  const auto at = text.find(kKey);
  if (at == std::string_view::npos) {
    return "";
  }
  const auto rest = text.substr(at + kKey.size());
  const auto name = rest.substr(0, rest.find_first_of(",} "));
  return model::IsMetricName(name) ? std::string(name) : "";
}

/// Labels, annotations, start and link, which all three have.
Draft Common(const json::object& alert, std::string_view url_name) {
  Draft draft;
  const auto* labels = ObjectAt(alert, "labels");
  AddLabels(draft.labels, labels);
  if (labels != nullptr) {
    draft.metric = TextAt(*labels, {"metric", "__name__"});
    if (!draft.labels.Has("alertname")) {
      AddLabel(draft.labels, "alertname", TextAt(*labels, {"__alert_rule_uid__"}));
    }
  }
  draft.annotations = Annotations(ObjectAt(alert, "annotations"));
  draft.starts = TimeAt(alert, "startsAt").value_or(base::Time{});
  draft.url = TextAt(alert, {url_name});
  for (const auto* from : {labels, ObjectAt(alert, "annotations")}) {
    if (const auto value = from == nullptr ? std::nullopt : NumberAt(*from, "value")) {
      draft.value = *value;
    }
  }
  return draft;
}

/// When a resolved alert ended: what the sender says, unless that is to come.
base::Time EndOf(const json::object& alert, base::Time now) {
  return std::min(TimeAt(alert, "endsAt").value_or(now), now);
}

std::string NameOf(const json::object& alert) {
  const auto* labels = ObjectAt(alert, "labels");
  return Quoted(labels == nullptr ? "" : TextAt(*labels, {"alertname"}));
}

void TellTruncated(const json::object& body, Collector& out) {
  const auto cut = NumberAt(body, "truncatedAlerts").value_or(0);
  if (cut >= 1) {
    out.Ignore(fmt::format("the sender itself left out {:.0f} alerts", cut));
  }
}

/// The value of the query that the rule begins with: of `values` {"B": 0, "C": 1} the first.
std::optional<double> FirstValue(const json::object& alert) {
  const auto* values = ObjectAt(alert, "values");
  if (values == nullptr || values->empty()) {
    return std::nullopt;
  }
  const json::object::value_type* first = nullptr;
  for (const auto& member : *values) {
    if (first == nullptr || member.key() < first->key()) {
      first = &member;
    }
  }
  return NumberOf(first->value());
}

}  // namespace

void ReadGrafana(const json::object& body, Collector& out) {
  TellTruncated(body, out);
  const auto* alerts = ArrayAt(body, "alerts");
  if (alerts == nullptr) {
    return out.Ignore("the message holds no alerts");
  }
  for (const auto& item : *alerts) {
    if (!item.is_object() || !out.Begin()) {
      continue;
    }
    const auto& alert = item.get_object();
    Draft draft = Common(alert, "generatorURL");
    const auto status = TextAt(alert, {"status"});
    if (status == "resolved") {
      draft.ends = EndOf(alert, out.now());
    } else if (status != "firing" && !status.empty()) {
      out.Ignore("alert " + NameOf(alert) + " has the unknown status " + Quoted(status));
      continue;
    }
    // The rule may be set to alert when its data source gives nothing: then nothing was measured.
    const auto reason = draft.annotations.Get("grafana_state_reason");
    if (draft.ends == base::Time{} &&
        (reason.starts_with("NoData") || reason.starts_with("Error"))) {
      out.Ignore("alert " + NameOf(alert) + " fires for want of data (" + Quoted(reason) +
                 "): nothing is repaired for it");
      continue;
    }
    const auto values = TextAt(alert, {"valueString"});
    if (draft.metric.empty()) {
      draft.metric = MetricOfValues(values);
    }
    draft.value = FirstValue(alert).value_or(draft.value);
    AddLabel(draft.annotations, "values", values);
    out.Take(std::move(draft));
  }
}

void ReadAlertmanager(const json::object& body, Collector& out) {
  TellTruncated(body, out);
  const auto reason = TextAt(body, {"notification_reason"});
  const bool news =
      reason.empty() || reason == "first notification" || reason == "new alerts added";
  const auto* alerts = ArrayAt(body, "alerts");
  if (alerts == nullptr) {
    return out.Ignore("the message holds no alerts");
  }
  for (const auto& item : *alerts) {
    if (!item.is_object() || !out.Begin()) {
      continue;
    }
    const auto& alert = item.get_object();
    const auto status = TextAt(alert, {"status"});
    Draft draft = Common(alert, "generatorURL");
    if (status == "resolved") {
      draft.ends = EndOf(alert, out.now());
    } else if (status != "firing" && !status.empty()) {
      out.Ignore("alert " + NameOf(alert) + " has the unknown status " + Quoted(status));
      continue;
    } else if (!news) {
      out.Ignore("alert " + NameOf(alert) + " was told before (" + Quoted(reason) +
                 "): only new alerts are acted on");
      continue;
    }
    out.Take(std::move(draft));
  }
}

void ReadAlertmanagerApi(const json::array& body, Collector& out) {
  for (const auto& item : body) {
    if (!item.is_object() || !out.Begin()) {
      continue;
    }
    const auto& alert = item.get_object();
    Draft draft = Common(alert, "generatorURL");
    // A time to come means: over then, unless it is sent again.
    draft.ends = TimeAt(alert, "endsAt").value_or(base::Time{});
    out.Take(std::move(draft));
  }
}

}  // namespace alert::inbound
