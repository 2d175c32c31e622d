// Uptime Kuma: one message for each change of a monitor.
#include <boost/json/array.hpp>
#include <charconv>
#include <chrono>
#include <optional>

#include "alert/inbound/fields.h"
#include "alert/inbound/readers.h"

namespace alert::inbound {
namespace {

namespace json = boost::json;

bool IsHttp(std::string_view type) {
  return type == "http" || type == "keyword" || type == "json-query" || type == "real-browser";
}

std::string MetricOf(std::string_view type) {
  return IsHttp(type) ? "http_code" : type == "port" ? "port" : type == "ping" ? "ping" : "";
}

/// The status that a message begins or ends with: "200 - OK", "Request failed with status code
/// 500".
std::optional<double> StatusIn(std::string_view message) {
  constexpr std::string_view kPhrase = "status code ";
  if (const auto at = message.find(kPhrase); at != std::string_view::npos) {
    message.remove_prefix(at + kPhrase.size());
  } else if (message.find(" - ") != 3) {
    return std::nullopt;
  }
  int status = 0;
  const auto digits = message.substr(0, 3);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), status);
  const bool whole = error == std::errc() && end == digits.data() + 3;
  return whole && status >= 100 && status <= 599 ? std::optional<double>(status) : std::nullopt;
}

/// "2026-09-01 09:51:03.157", UTC.
base::Time TimeOf(const json::object& heartbeat) {
  auto text = TextAt(heartbeat, {"time"});
  if (text.size() < 19 || text.size() > 40) {
    return {};
  }
  if (!text.ends_with('Z') && text.find('+') == std::string::npos) {
    text += "Z";
  }
  const auto time = base::ParseRfc3339(text);
  return time && *time > base::Time{} ? *time : base::Time{};
}

Draft DraftOf(const json::object& monitor, const json::object& heartbeat) {
  Draft draft;
  if (const auto* tags = ArrayAt(monitor, "tags")) {
    for (const auto& item : *tags) {
      if (const auto* tag = item.if_object()) {
        AddLabel(draft.labels, TextAt(*tag, {"name"}), TextAt(*tag, {"value"}));
      }
    }
  }
  const auto type = TextAt(monitor, {"type"});
  const auto name = TextAt(monitor, {"name", "pathName"});
  AddLabel(draft.labels, "alertname", name);
  auto id = TextAt(monitor, {"id"});
  AddLabel(draft.labels, "monitor_id", id.empty() ? TextAt(heartbeat, {"monitorID"}) : id);
  AddLabel(draft.labels, "monitor_type", type);
  if (type == "port") {
    AddLabel(draft.labels, "port", TextAt(monitor, {"port"}));
  }
  if (const auto host = TextAt(monitor, {"hostname"}); !host.empty()) {
    AddLabel(draft.labels, "monitor_hostname", host);
    draft.places.push_back({"monitor hostname", host});
  }
  // Monitors that are no web ones hold "https://" there.
  if (const auto url = WithoutUser(TextAt(monitor, {"url"})); url.size() > 8) {
    AddLabel(draft.labels, "monitor_url", url);
    draft.places.insert(IsHttp(type) ? draft.places.begin() : draft.places.end(),
                        {"monitor url", url});
  }
  draft.places.push_back({"monitor name", name});
  AddLabel(draft.annotations, "summary", TextAt(heartbeat, {"msg"}));
  draft.severity = "critical";
  if (const auto tagged = draft.labels.Get("metric"); !tagged.empty()) {
    draft.metric = tagged;
  } else {
    draft.metric = MetricOf(type);
  }
  return draft;
}

}  // namespace

void ReadKuma(const json::object& body, Collector& out) {
  const auto* heartbeat = ObjectAt(body, "heartbeat");
  const auto* monitor = ObjectAt(body, "monitor");
  if (heartbeat == nullptr || monitor == nullptr) {
    return out.Ignore("notice without a heartbeat (a test, or a certificate's or domain's end): " +
                      Quoted(TextAt(body, {"msg"})));
  }
  Draft draft = DraftOf(*monitor, *heartbeat);
  const auto name = Quoted(draft.labels.Get("alertname"));
  const auto status = TextAt(*heartbeat, {"status"});
  if (status == "0") {
    draft.starts = TimeOf(*heartbeat);
    if (!draft.metric.empty()) {
      draft.value =
          draft.metric == "http_code" ? StatusIn(TextAt(*heartbeat, {"msg"})).value_or(0) : 0;
    }
    out.Take(std::move(draft));
    return;
  }
  if (status == "2") {
    return out.Ignore("monitor " + name + " is pending: not sure yet");
  }
  if (status != "1" && status != "3") {
    return out.Ignore("monitor " + name + " has the unknown status " + Quoted(status));
  }
  if (status == "3") {
    out.Ignore("monitor " + name + " is in maintenance: its alert is over, nothing is repaired");
  }
  draft.ends = out.now();
  const auto target = out.TargetOf(draft);
  const std::string id(draft.labels.Get("monitor_id"));
  // Names and tags may have changed since; the monitor's id has not.
  if (out.Take(std::move(draft)) && !id.empty()) {
    out.End({{"monitor_id", id}, {"target", target}});
  }
}

}  // namespace alert::inbound
