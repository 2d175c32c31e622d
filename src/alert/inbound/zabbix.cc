// Zabbix: the Event-Driven Ansible media type that it ships, and ours (docs/webhooks.md).
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <chrono>
#include <exception>

#include "alert/inbound/fields.h"
#include "alert/inbound/readers.h"

namespace alert::inbound {
namespace {

namespace json = boost::json;

/// The Ansible type never says that a problem is over: its alerts end by themselves.
constexpr std::chrono::hours kWithoutRecovery{1};

/// [{"tag":"a","value":"b"}] or {"a":["b"]} as labels.
void AddTags(model::Labels& labels, const json::value& tags) {
  if (const auto* object = tags.if_object()) {
    return AddLabels(labels, object);
  }
  const auto* list = tags.if_array();
  if (list == nullptr) {
    return;
  }
  for (const auto& item : *list) {
    if (const auto* pair = item.if_object()) {
      AddLabel(labels, TextAt(*pair, {"tag"}), TextAt(*pair, {"value"}));
    }
  }
}

/// The tags: as JSON, or as {EVENT.TAGSJSON} gives them, JSON within a string.
void AddEventTags(model::Labels& labels, const json::object& body) {
  const auto* tags = Member(body, "event_tags");
  if (tags == nullptr) {
    return;
  }
  const auto* text = tags->if_string();
  if (text == nullptr) {
    return AddTags(labels, *tags);
  }
  json::parse_options options;
  options.max_depth = 8;
  json::error_code error;
  try {
    const auto inner = json::parse(*text, error, {}, options);
    if (!error) {
      AddTags(labels, inner);
    }
  } catch (const std::exception&) {  // memory: the alert is worth having without its tags
  }
}

std::string SeverityOf(const json::object& body) {
  constexpr std::array<std::string_view, 6> kNames = {"info",    "info",     "warning",
                                                      "warning", "critical", "critical"};
  const auto level = NumberAt(body, "event_nseverity").value_or(-1);
  return level >= 0 && level <= 5 ? std::string(kNames.at(static_cast<std::size_t>(level))) : "";
}

base::Time StartOf(const json::object& body) {
  const auto seconds = NumberAt(body, "event_datetime_timestamp").value_or(0);
  return seconds > 0 && seconds < 4e9
             ? base::Time(std::chrono::seconds(static_cast<std::int64_t>(seconds)))
             : base::Time{};
}

Draft DraftOf(const json::object& body) {
  Draft draft;
  AddEventTags(draft.labels, body);
  AddLabel(draft.labels, "alertname",
           TextAt(body, {"trigger_name", "event_name", "alert_subject", "subject"}));
  for (const auto* name : {"host_host", "host_ip", "trigger_id", "target", "port", "url"}) {
    AddLabel(draft.labels, name, TextAt(body, {name}));
  }
  AddLabel(draft.labels, "hostname", TextAt(body, {"host_name"}));
  AddLabel(draft.annotations, "summary",
           TextAt(body, {"event_name", "alert_subject", "subject", "trigger_name"}));
  AddLabel(draft.annotations, "description",
           TextAt(body, {"alert_message", "trigger_description"}));
  AddLabel(draft.annotations, "operation_data", TextAt(body, {"operation_data"}));
  AddLabel(draft.annotations, "event_id", TextAt(body, {"event_id"}));
  AddLabel(draft.annotations, "event_severity", TextAt(body, {"event_severity"}));
  draft.metric = TextAt(body, {"metric"});
  draft.severity = SeverityOf(body);
  for (const auto* name : {"value", "item_value"}) {
    if (const auto value = NumberAt(body, name)) {
      draft.value = *value;
      break;
    }
  }
  draft.url = TextAt(body, {"event_url", "zabbix_url"});
  return draft;
}

}  // namespace

void ReadZabbix(const json::object& body, Collector& out) {
  const auto name = Quoted(TextAt(body, {"event_name", "trigger_name", "subject"}));
  if (const auto source = TextAt(body, {"event_source"}); !source.empty() && source != "0") {
    return out.Ignore("event " + name + " is no trigger's (event_source " + Quoted(source) + ")");
  }
  if (TextAt(body, {"event_update_status"}) == "1") {
    return out.Ignore("event " + name + " was only acknowledged or updated");
  }
  const auto value = TextAt(body, {"event_value"});
  Draft draft = DraftOf(body);
  if (value == "0") {
    draft.ends = out.now();
    const auto target = out.TargetOf(draft);
    const std::string trigger(draft.labels.Get("trigger_id"));
    // Names and tags may have changed since; the trigger's id has not.
    if (out.Take(std::move(draft)) && !trigger.empty()) {
      out.End({{"trigger_id", trigger}, {"target", target}});
    }
    return;
  }
  if (value != "1") {
    return out.Ignore("event " + name + " does not say whether it is a problem (event_value " +
                      Quoted(value) + ")");
  }
  draft.starts = StartOf(body);
  const bool ours = body.contains("event_recovery_id") || body.contains("event_update_status");
  if (!ours) {
    draft.ends = out.now() + kWithoutRecovery;
  }
  out.Take(std::move(draft));
}

}  // namespace alert::inbound
