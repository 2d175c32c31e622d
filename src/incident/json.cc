// Incidents to JSON and back.
#include "incident/json.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "alert/json.h"
#include "base/text.h"

namespace incident {
namespace {

namespace json = boost::json;
using alert::GetBool;
using alert::GetInt;
using alert::GetText;
using alert::GetTime;
using alert::ToNs;

std::string Clean(std::string_view text) { return base::Printable(text, true); }

json::array Strings(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& item : list) {
    out.push_back(json::value(Clean(item)));
  }
  return out;
}

std::vector<std::string> GetStrings(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  const auto* at = object.if_contains(key);
  if (at != nullptr && at->is_array()) {
    for (const auto& item : at->get_array()) {
      if (item.is_string()) {
        out.emplace_back(item.get_string());
      }
    }
  }
  return out;
}

const json::array& GetList(const json::object& object, std::string_view key) {
  static const json::array kEmpty;
  const auto* at = object.if_contains(key);
  return at != nullptr && at->is_array() ? at->get_array() : kEmpty;
}

void PutTime(json::object& object, std::string_view name, base::Time t) {
  object[name] = t == base::Time{} ? json::value(nullptr) : json::value(base::FormatRfc3339(t));
  object[fmt::format("{}_ns", name)] = ToNs(t);
}

template <class T>
json::array List(const std::vector<T>& items) {
  json::array out;
  for (const auto& item : items) {
    out.push_back(ToJson(item));
  }
  return out;
}

model::CommandRecord CommandFromJson(const json::object& object) {
  model::CommandRecord out;
  out.argv = GetStrings(object, "argv");
  out.exit_status = static_cast<int>(GetInt(object, "exit_status", -1));
  out.output = GetText(object, "output");
  out.truncated = GetBool(object, "truncated");
  out.changes = GetBool(object, "changes");
  out.started = GetTime(object, "started_ns");
  out.took = base::Duration(GetInt(object, "took_ns"));
  out.error = GetText(object, "error");
  return out;
}

std::vector<model::CommandRecord> CommandsFromJson(const json::object& object) {
  std::vector<model::CommandRecord> out;
  for (const auto& item : GetList(object, "commands")) {
    if (item.is_object()) {
      out.push_back(CommandFromJson(item.get_object()));
    }
  }
  return out;
}

model::Finding ReadFinding(const json::object& object) {
  model::Finding out;
  out.component = GetText(object, "component");
  out.cause = GetText(object, "cause");
  out.title = GetText(object, "title");
  out.title_th = GetText(object, "title_th");
  out.cause_class = GetText(object, "class") == "repair" ? model::CauseClass::kRepair
                                                         : model::CauseClass::kReport;
  out.state = GetText(object, "state");
  out.evidence = GetText(object, "evidence");
  out.remedy = GetText(object, "remedy");
  out.remedy_args = GetStrings(object, "remedy_args");
  out.depth = static_cast<int>(GetInt(object, "depth"));
  out.consequence_of = GetText(object, "consequence_of");
  for (const auto& item : GetList(object, "details")) {
    const auto* pair = item.if_array();
    if (pair != nullptr && pair->size() == 2 && (*pair)[0].is_string() && (*pair)[1].is_string()) {
      out.details.emplace_back(std::string((*pair)[0].get_string()),
                               std::string((*pair)[1].get_string()));
    }
  }
  out.commands = CommandsFromJson(object);
  return out;
}

base::Result<model::Incident> Corrupt(std::string_view what) {
  return base::Fail(base::ErrorKind::kCorrupt,
                    fmt::format("a stored incident does not hold together: {}", what));
}

}  // namespace

json::object ToJson(const model::CommandRecord& command) {
  json::object out{{"argv", Strings(command.argv)},   {"exit_status", command.exit_status},
                   {"output", Clean(command.output)}, {"truncated", command.truncated},
                   {"changes", command.changes},      {"took_ns", command.took.count()},
                   {"error", Clean(command.error)}};
  PutTime(out, "started", command.started);
  return out;
}

json::object ToJson(const model::Finding& finding) {
  json::array details;
  for (const auto& [name, value] : finding.details) {
    details.push_back(json::array{Clean(name), Clean(value)});
  }
  return json::object{
      {"component", Clean(finding.component)},
      {"cause", Clean(finding.cause)},
      {"title", Clean(finding.title)},
      {"title_th", Clean(finding.title_th)},
      {"class", finding.cause_class == model::CauseClass::kRepair ? "repair" : "report"},
      {"state", Clean(finding.state)},
      {"evidence", Clean(finding.evidence)},
      {"remedy", Clean(finding.remedy)},
      {"remedy_args", Strings(finding.remedy_args)},
      {"depth", finding.depth},
      {"consequence_of", Clean(finding.consequence_of)},
      {"details", std::move(details)},
      {"commands", List(finding.commands)}};
}

json::object ToJson(const model::StepOutcome& outcome) {
  json::object out{{"step", Clean(outcome.step)},
                   {"component", Clean(outcome.component)},
                   {"done", outcome.done},
                   {"refused", outcome.refused},
                   {"state_after", Clean(outcome.state_after)},
                   {"error", Clean(outcome.error)},
                   {"commands", List(outcome.commands)}};
  PutTime(out, "started", outcome.started);
  PutTime(out, "finished", outcome.finished);
  return out;
}

json::object ToJson(const model::TimelineEntry& entry) {
  json::object out{{"seq", entry.seq}, {"kind", entry.kind}, {"text", Clean(entry.text)}};
  PutTime(out, "at", entry.at);
  auto data = ParseJson(entry.data);
  out["data"] = data && data->is_object() ? std::move(*data) : json::value(json::object{});
  return out;
}

json::object ToJson(const model::Incident& incident, bool timeline) {
  json::array alerts;
  for (const auto& item : incident.alerts) {
    alerts.push_back(alert::ToJson(item));
  }
  json::object out{{"id", incident.id},
                   {"target", Clean(incident.target)},
                   {"title", Clean(incident.title)},
                   {"state", model::ToString(incident.state)},
                   {"outcome", model::ToString(incident.outcome)},
                   {"severity", Clean(incident.severity)},
                   {"cause", Clean(incident.cause)},
                   {"acknowledged_by", Clean(incident.acknowledged_by)},
                   {"alerts", std::move(alerts)},
                   {"findings", List(incident.findings)},
                   {"steps", List(incident.steps)}};
  PutTime(out, "opened", incident.opened);
  PutTime(out, "acted", incident.acted);
  PutTime(out, "verified", incident.verified);
  PutTime(out, "closed", incident.closed);
  if (timeline) {
    out["timeline"] = List(incident.timeline);
  }
  return out;
}

base::Result<model::Finding> FindingFromJson(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr || GetText(*object, "component").empty()) {
    return base::Fail(base::ErrorKind::kCorrupt, "a stored finding names no component");
  }
  return ReadFinding(*object);
}

base::Result<model::StepOutcome> StepOutcomeFromJson(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) {
    return base::Fail(base::ErrorKind::kCorrupt, "a stored step is no object");
  }
  model::StepOutcome out;
  out.step = GetText(*object, "step");
  out.component = GetText(*object, "component");
  out.done = GetBool(*object, "done");
  out.refused = GetBool(*object, "refused");
  out.state_after = GetText(*object, "state_after");
  out.error = GetText(*object, "error");
  out.started = GetTime(*object, "started_ns");
  out.finished = GetTime(*object, "finished_ns");
  out.commands = CommandsFromJson(*object);
  return out;
}

base::Result<model::Incident> IncidentFromJson(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) {
    return Corrupt("no object");
  }
  model::Incident out;
  const auto state = model::ParseIncidentState(GetText(*object, "state"));
  const auto outcome = model::ParseOutcome(GetText(*object, "outcome"));
  out.id = GetText(*object, "id");
  if (!state || !outcome || out.id.empty()) {
    return Corrupt("id, state or outcome");
  }
  out.state = *state;
  out.outcome = *outcome;
  out.target = GetText(*object, "target");
  out.title = GetText(*object, "title");
  out.severity = GetText(*object, "severity");
  out.cause = GetText(*object, "cause");
  out.acknowledged_by = GetText(*object, "acknowledged_by");
  out.opened = GetTime(*object, "opened_ns");
  out.acted = GetTime(*object, "acted_ns");
  out.verified = GetTime(*object, "verified_ns");
  out.closed = GetTime(*object, "closed_ns");
  for (const auto& item : GetList(*object, "alerts")) {
    auto alert = alert::AlertFromJson(item);
    if (!alert) {
      return Corrupt(alert.error().message);
    }
    out.alerts.push_back(std::move(*alert));
  }
  for (const auto& item : GetList(*object, "findings")) {
    if (item.is_object()) {
      out.findings.push_back(ReadFinding(item.get_object()));
    }
  }
  for (const auto& item : GetList(*object, "steps")) {
    auto step = StepOutcomeFromJson(item);
    if (step) {
      out.steps.push_back(std::move(*step));
    }
  }
  for (const auto& item : GetList(*object, "timeline")) {
    if (const auto* entry = item.if_object()) {
      const auto* data = entry->if_contains("data");
      out.timeline.push_back({.seq = GetInt(*entry, "seq"),
                              .at = GetTime(*entry, "at_ns"),
                              .kind = GetText(*entry, "kind"),
                              .text = GetText(*entry, "text"),
                              .data = data == nullptr ? "{}" : json::serialize(*data)});
    }
  }
  return out;
}

base::Result<json::value> ParseJson(std::string_view text) {
  boost::system::error_code ec;
  json::parse_options options;
  options.max_depth = 32;
  auto value = json::parse(text, ec, {}, options);
  if (ec) {
    return base::Fail(base::ErrorKind::kCorrupt, "not JSON: " + ec.message());
  }
  return value;
}

}  // namespace incident
