// JSON of targets, alerts, incidents: written once here, for the API, the events and `--json`.
#include "api/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cmath>

#include "api/number.h"
#include "base/text.h"

namespace api {
namespace json = boost::json;
namespace {

void Write(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      break;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      out += std::to_string(value.get_int64());
      break;
    case json::kind::uint64:
      out += std::to_string(value.get_uint64());
      break;
    case json::kind::double_:
      if (std::isfinite(value.get_double())) {
        AppendExposed(out, value.get_double());
      } else {
        out += "null";
      }
      break;
    case json::kind::string:
      out += base::JsonQuote(value.get_string());
      break;
    case json::kind::array: {
      char separator = '[';
      for (const auto& item : value.get_array()) {
        out += separator;
        Write(out, item);
        separator = ',';
      }
      out += separator == '[' ? "[]" : "]";
      break;
    }
    case json::kind::object: {
      char separator = '{';
      for (const auto& [key, item] : value.get_object()) {
        out += separator;
        out += base::JsonQuote(key);
        out += ':';
        Write(out, item);
        separator = ',';
      }
      out += separator == '{' ? "{}" : "}";
      break;
    }
  }
}

template <class Range, class F>
json::array Array(const Range& range, F one) {
  json::array out;
  out.reserve(range.size());
  for (const auto& item : range) {
    out.emplace_back(one(item));
  }
  return out;
}

json::array Strings(const std::vector<std::string>& texts) {
  return Array(texts, [](const std::string& text) { return json::value(text); });
}

std::string_view ClassName(model::CauseClass c) {
  return c == model::CauseClass::kRepair ? "repair" : "report";
}

std::string_view StateOf(const alert::View& view) {
  if (!view.alert.Firing()) {
    return "resolved";
  }
  if (view.status == alert::Status::kSuppressed) {
    return "inhibited";
  }
  if (!view.silenced_by.empty()) {
    return "silenced";
  }
  return view.status == alert::Status::kPending ? "pending" : "firing";
}

json::object ToJson(const ValueView& value, bool with_time) {
  json::object out{{"name", value.name},
                   {"labels", api::ToJson(value.labels)},
                   {"value", NumberJson(value.value)}};
  if (with_time) {
    out["time"] = TimeJson(value.time);
  }
  return out;
}

std::string_view TypeName(model::OptionType type) {
  using enum model::OptionType;
  switch (type) {
    case kString:
      return "string";
    case kInteger:
      return "integer";
    case kNumber:
      return "number";
    case kBool:
      return "bool";
    case kDuration:
      return "duration";
    case kUrl:
      return "url";
    case kRegex:
      return "regex";
    case kFile:
      return "file";
    case kSecretFile:
      return "secret_file";
    case kStrings:
      return "strings";
    case kIntegers:
      return "integers";
    case kMap:
      return "map";
    case kRelabeling:
      return "relabeling";
  }
  return "string";
}

json::object OptionJson(const model::OptionSpec& option) {
  json::object out{{"name", option.name},
                   {"type", TypeName(option.type)},
                   {"help", option.help},
                   {"default", option.fallback},
                   {"required", option.required},
                   {"min", nullptr},
                   {"max", nullptr}};
  if (option.min != option.max) {
    out["min"] = NumberJson(option.min);
    out["max"] = NumberJson(option.max);
  }
  out["choices"] =
      Array(option.choices, [](std::string_view choice) { return json::value(choice); });
  return out;
}

json::object MetricJson(const model::MetricSpec& metric) {
  return {{"name", metric.name},
          {"type", metric.type},
          {"unit", metric.unit},
          {"help", metric.help},
          {"labels", Array(metric.labels, [](std::string_view l) { return json::value(l); })}};
}

/// The deepest finding with the incident's cause that follows from no other.
const model::Finding* CauseOf(const model::Incident& incident) {
  const model::Finding* main = nullptr;
  for (const auto& finding : incident.findings) {
    const bool own = finding.cause == incident.cause && !finding.cause.empty();
    if (own && (main == nullptr || std::pair(finding.consequence_of.empty(), finding.depth) >
                                       std::pair(main->consequence_of.empty(), main->depth))) {
      main = &finding;
    }
  }
  return main;
}

}  // namespace

std::string ToText(const json::value& value) {
  std::string out;
  Write(out, value);
  return out;
}

std::string_view ToString(TargetStatus status) {
  switch (status) {
    case TargetStatus::kUp:
      return "up";
    case TargetStatus::kDegraded:
      return "degraded";
    case TargetStatus::kDown:
      return "down";
    case TargetStatus::kUnknown:
      break;
  }
  return "unknown";
}

json::value TimeJson(base::Time t) {
  return t == base::Time{} ? json::value(nullptr) : json::value(base::FormatRfc3339(t));
}

json::value NumberJson(double v) {
  if (!std::isfinite(v)) {
    std::string text;
    AppendValue(text, v);
    return json::value(text);
  }
  // Whole numbers as such: 500, not 5E2, for readers that look at the text.
  if (v == std::floor(v) && std::abs(v) < 9e15) {
    return static_cast<std::int64_t>(v);
  }
  return v;
}

json::object ToJson(const model::Labels& labels) {
  json::object out;
  for (const auto& [name, value] : labels) {
    out[name] = value;
  }
  return out;
}

json::object ToJson(const alert::View& view) {
  const auto& alert = view.alert;
  return {{"fingerprint", fmt::format("{:016x}", alert.Fingerprint())},
          {"name", alert.Name()},
          {"state", StateOf(view)},
          {"severity", alert.labels.Get("severity")},
          {"labels", ToJson(alert.labels)},
          {"annotations", ToJson(alert.annotations)},
          {"value", NumberJson(alert.value)},
          {"starts_at", TimeJson(alert.starts_at)},
          {"ends_at", TimeJson(alert.ends_at)},
          {"source", alert.source},
          {"generator_url", alert.generator_url},
          {"reason", view.reason},
          {"silenced_by", view.silenced_by},
          {"inhibited_by", view.inhibited_by},
          {"flapping", view.flapping},
          {"acknowledged_by", view.acknowledged_by}};
}

json::object ToJson(const model::CommandRecord& command) {
  return {{"argv", Strings(command.argv)},
          {"exit_status", command.exit_status},
          {"output", base::Printable(command.output, true)},
          {"truncated", command.truncated},
          {"changes", command.changes},
          {"started", TimeJson(command.started)},
          {"took_seconds", base::ToSeconds(command.took)},
          {"error", command.error}};
}

json::object ToJson(const model::Finding& finding) {
  auto commands = Array(finding.commands, [](const auto& c) { return ToJson(c); });
  auto details = Array(finding.details, [](const auto& detail) {
    return json::object{{"name", detail.first}, {"value", detail.second}};
  });
  return {{"component", finding.component},
          {"cause", finding.cause},
          {"title", finding.title},
          {"title_th", finding.title_th},
          {"class", ClassName(finding.cause_class)},
          {"state", finding.state},
          {"evidence", finding.evidence},
          {"remedy", finding.remedy},
          {"remedy_args", Strings(finding.remedy_args)},
          {"depth", finding.depth},
          {"consequence_of", finding.consequence_of},
          {"details", std::move(details)},
          {"commands", std::move(commands)}};
}

json::object ToJson(const model::StepOutcome& step) {
  return {{"step", step.step},
          {"component", step.component},
          {"done", step.done},
          {"refused", step.refused},
          {"state_after", step.state_after},
          {"error", step.error},
          {"started", TimeJson(step.started)},
          {"finished", TimeJson(step.finished)},
          {"took_seconds",
           step.finished > step.started ? base::ToSeconds(step.finished - step.started) : 0.0},
          {"commands", Array(step.commands, [](const auto& c) { return ToJson(c); })}};
}

json::object ToJson(const model::TimelineEntry& entry) {
  json::object out{
      {"seq", entry.seq}, {"at", TimeJson(entry.at)}, {"kind", entry.kind}, {"text", entry.text}};
  boost::system::error_code ec;
  auto data = json::parse(entry.data, ec);
  out["data"] = !ec && data.is_object() ? std::move(data) : json::value(json::object());
  return out;
}

json::object BriefJson(const model::Incident& incident) {
  const auto* cause = CauseOf(incident);
  const auto end = incident.Open() ? base::Clock::Now() : incident.closed;
  return {{"id", incident.id},
          {"target", incident.target},
          {"title", incident.title},
          {"state", model::ToString(incident.state)},
          {"outcome", model::ToString(incident.outcome)},
          {"severity", incident.severity},
          {"opened", TimeJson(incident.opened)},
          {"acted", TimeJson(incident.acted)},
          {"verified", TimeJson(incident.verified)},
          {"closed", TimeJson(incident.closed)},
          {"duration_seconds",
           std::round(std::max(0.0, base::ToSeconds(end - incident.opened)) * 1000) / 1000},
          {"cause", incident.cause},
          {"cause_title", cause != nullptr ? cause->title : ""},
          {"cause_title_th", cause != nullptr ? cause->title_th : ""},
          {"component", cause != nullptr ? cause->component : ""},
          {"acknowledged_by", incident.acknowledged_by},
          {"alerts", incident.alerts.size()},
          {"needs_approval", incident.state == model::IncidentState::kAwaitingApproval}};
}

json::object ToJson(const model::Incident& incident) {
  auto out = BriefJson(incident);
  out["alerts"] = Array(incident.alerts, [](const model::Alert& alert) {
    return ToJson(alert::View{.alert = alert, .status = alert::Status::kFiring});
  });
  out["findings"] = Array(incident.findings, [](const auto& f) { return ToJson(f); });
  out["steps"] = Array(incident.steps, [](const auto& s) { return ToJson(s); });
  out["timeline"] = Array(incident.timeline, [](const auto& e) { return ToJson(e); });
  return out;
}

json::object ToJson(const model::KindSpec& spec) {
  json::object out{{"name", spec.name}, {"title", spec.title}};
  out["options"] = Array(spec.options, OptionJson);
  if (!spec.metrics.empty()) {
    out["metrics"] = Array(spec.metrics, MetricJson);
  }
  return out;
}

json::object ToJson(const CauseView& cause) {
  return {{"id", cause.id},
          {"title", cause.title},
          {"title_th", cause.title_th},
          {"class", ClassName(cause.cause_class)},
          {"detected_by", cause.detected_by},
          {"remedy", cause.remedy}};
}

json::object ToJson(const MessageView& message) {
  return {{"id", message.id},
          {"channel", message.channel},
          {"event", message.event},
          {"state", message.state},
          {"at", TimeJson(message.at)},
          {"finished", TimeJson(message.finished)},
          {"attempts", message.attempts},
          {"error", message.error},
          {"text", message.text}};
}

json::object ToJson(const KindsView& kinds) {
  auto plain = [](const model::KindSpec& spec) { return ToJson(spec); };
  json::object out;
  out["probes"] = Array(kinds.probes, plain);
  out["components"] = Array(kinds.components, [](const ComponentKindView& component) {
    auto one = ToJson(component.spec);
    one["causes"] = Array(component.causes, [](const CauseView& cause) { return ToJson(cause); });
    return one;
  });
  out["steps"] = Array(kinds.steps, plain);
  out["channels"] = Array(kinds.channels, plain);
  return out;
}

json::object ToJson(const TargetView& view) {
  static const model::Target kNone;
  const auto& target = view.target ? *view.target : kNone;
  return {
      {"name", target.name},
      {"address", target.address},
      {"url", target.url},
      {"labels", ToJson(target.labels)},
      {"application", Array(target.application, [](const auto& c) { return json::value(c.Id()); })},
      {"status", ToString(view.status)},
      {"reason", view.reason},
      {"since", TimeJson(view.since)},
      {"last_probe", TimeJson(view.last_probe)},
      {"interval_seconds", NumberJson(base::ToSeconds(view.interval))},
      {"recovery_mode", view.recovery_mode},
      {"probes", Array(view.probes,
                       [](const ProbeView& probe) {
                         return json::object{{"name", probe.name},
                                             {"kind", probe.kind},
                                             {"success", probe.success},
                                             {"reason", probe.reason},
                                             {"time", TimeJson(probe.time)},
                                             {"took_seconds", base::ToSeconds(probe.took)}};
                       })},
      {"values", Array(view.values, [](const ValueView& value) { return ToJson(value, true); })},
      {"alerts", Array(view.alerts, [](const alert::View& a) { return ToJson(a); })},
      {"incident", view.incident ? json::value(BriefJson(*view.incident)) : json::value(nullptr)}};
}

json::object SummaryJson(const std::vector<TargetView>& targets) {
  std::size_t counts[4] = {};
  std::size_t alerts = 0;
  std::size_t incidents = 0;
  for (const auto& target : targets) {
    ++counts[static_cast<std::size_t>(target.status)];
    alerts += static_cast<std::size_t>(std::ranges::count_if(target.alerts, [](const auto& view) {
      return view.status == alert::Status::kFiring && view.alert.Firing();
    }));
    incidents += target.incident ? 1 : 0;
  }
  auto count = [&](TargetStatus status) { return counts[static_cast<std::size_t>(status)]; };
  return {{"targets", targets.size()},
          {"up", count(TargetStatus::kUp)},
          {"degraded", count(TargetStatus::kDegraded)},
          {"down", count(TargetStatus::kDown)},
          {"unknown", count(TargetStatus::kUnknown)},
          {"alerts", alerts},
          {"incidents", incidents}};
}

json::object FleetJson(const std::vector<TargetView>& targets, base::Time now) {
  return {{"time", TimeJson(now)},
          {"summary", SummaryJson(targets)},
          {"targets", Array(targets, [](const TargetView& view) { return ToJson(view); })}};
}

json::object WorstJson(const std::vector<TargetView>& targets, std::size_t most, base::Time now) {
  // As the page orders them (web/src/pages/fleet/order.ts).
  auto rank = [](const TargetView* view) {
    const auto place = view->status == TargetStatus::kDown       ? 0
                       : view->status == TargetStatus::kDegraded ? 1
                       : view->status == TargetStatus::kUnknown  ? 2
                                                                 : 3;
    return place * 2 + (view->incident ? 0 : 1);
  };
  std::vector<const TargetView*> order;
  order.reserve(targets.size());
  for (const auto& target : targets) {
    order.push_back(&target);
  }
  std::ranges::stable_sort(order, {}, rank);
  order.resize(std::min(order.size(), most));
  return {{"time", TimeJson(now)},
          {"summary", SummaryJson(targets)},
          {"targets", Array(order, [](const TargetView* view) { return ToJson(*view); })}};
}

std::string SampleEvent(const std::string& target, base::Time slot,
                        const std::vector<ValueView>& values) {
  return ToText(json::object{
      {"target", target},
      {"time", TimeJson(slot)},
      {"values", Array(values, [](const ValueView& value) { return ToJson(value, false); })}});
}

std::string FleetEvent(const std::vector<TargetView>& all, const std::vector<TargetView>& changed,
                       bool reloaded) {
  return ToText(
      json::object{{"summary", SummaryJson(all)},
                   {"targets", Array(changed, [](const TargetView& view) { return ToJson(view); })},
                   {"reloaded", reloaded}});
}

std::string IncidentEvent(const model::Incident& incident, const model::TimelineEntry* entry) {
  auto out = BriefJson(incident);
  out["entry"] = entry != nullptr ? json::value(ToJson(*entry)) : json::value(nullptr);
  return ToText(out);
}

std::string AlertEvent(const alert::View& view) { return ToText(ToJson(view)); }

}  // namespace api
