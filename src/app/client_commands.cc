// The commands that ask the running daemon: query, incidents, and what people say to one.
#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <cmath>
#include <iostream>

#include "app/client.h"
#include "app/commands.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/url.h"

namespace app {
namespace {

namespace json = boost::json;

int Fault(const base::Error& error) {
  std::cerr << "raksa: " << base::Printable(error.message) << "\n";
  return error.kind == base::ErrorKind::kUnavailable ? 2 : 1;
}

std::string SeriesName(const json::object& metric) {
  std::string name;
  std::string inside;
  for (const auto& member : metric) {
    const auto value =
        base::Printable(member.value().is_string() ? std::string(member.value().as_string()) : "");
    if (member.key() == "__name__") {
      name = value;
    } else {
      inside += fmt::format("{}{}={}", inside.empty() ? "" : ", ", std::string(member.key()),
                            base::JsonQuote(value));
    }
  }
  return name + "{" + inside + "}";
}

/// Prints one [time, "value"] pair.
std::string PointText(const json::value& point) {
  if (!point.is_array() || point.as_array().size() != 2 || !point.as_array()[1].is_string()) {
    return "?";
  }
  const double seconds = point.as_array()[0].is_double()
                             ? point.as_array()[0].as_double()
                             : static_cast<double>(point.as_array()[0].to_number<std::int64_t>());
  return fmt::format("{} @[{}]", std::string(point.as_array()[1].as_string()), seconds);
}

void PrintAnswer(const json::object& data) {
  const auto type = TextAt(data, "resultType");
  if (type == "scalar" || type == "string") {
    std::cout << PointText(data.at("result")) << "\n";
    return;
  }
  for (const auto& item : ListAt(data, "result")) {
    if (!item.is_object()) {
      continue;
    }
    const auto& series = item.as_object();
    const auto* metric = series.if_contains("metric");
    const auto name =
        metric != nullptr && metric->is_object() ? SeriesName(metric->as_object()) : "{}";
    if (const auto* value = series.if_contains("value")) {
      std::cout << name << " => " << PointText(*value) << "\n";
      continue;
    }
    std::cout << name << " =>\n";
    for (const auto& point : ListAt(series, "values")) {
      std::cout << PointText(point) << "\n";
    }
  }
}

void PrintBrief(const json::object& incident) {
  const auto outcome = TextAt(incident, "outcome");
  std::cout << fmt::format("{}  {}  {:<18} {:<20} {}\n", TextAt(incident, "id"),
                           TextAt(incident, "opened"), TextAt(incident, "state"), outcome,
                           TextAt(incident, "title"));
}

void PrintIncident(const json::object& incident) {
  std::cout << fmt::format("{}\n  id        {}\n  state     {}\n  outcome   {}\n  opened    {}\n",
                           TextAt(incident, "title"), TextAt(incident, "id"),
                           TextAt(incident, "state"), TextAt(incident, "outcome"),
                           TextAt(incident, "opened"));
  for (const auto* name : {"acted", "verified", "closed"}) {
    if (const auto at = TextAt(incident, name); !at.empty()) {
      std::cout << fmt::format("  {:<9} {}\n", name, at);
    }
  }
  if (const auto cause = TextAt(incident, "cause"); !cause.empty()) {
    std::cout << fmt::format("  cause     {} ({}) in {}\n", cause, TextAt(incident, "cause_title"),
                             TextAt(incident, "component"));
  }
  std::cout << "timeline\n";
  for (const auto& item : ListAt(incident, "timeline")) {
    if (item.is_object()) {
      std::cout << fmt::format("  {}  {:<8} {}\n", TextAt(item.as_object(), "at"),
                               TextAt(item.as_object(), "kind"), TextAt(item.as_object(), "text"));
    }
  }
}

}  // namespace

int RunQuery(const Common& common, const QueryOptions& options) {
  std::string form = "query=" + base::UrlEncode(options.expr);
  std::string path = "/api/v1/query";
  if (!options.start.empty() || !options.end.empty() || !options.step.empty()) {
    path = "/api/v1/query_range";
    const auto now = fmt::format("{:.3f}", static_cast<double>(base::Clock::NowMs()) / 1000);
    form += "&start=" + base::UrlEncode(options.start.empty() ? now : options.start) +
            "&end=" + base::UrlEncode(options.end.empty() ? now : options.end) +
            "&step=" + base::UrlEncode(options.step.empty() ? "15s" : options.step);
  } else if (!options.time.empty()) {
    form += "&time=" + base::UrlEncode(options.time);
  }
  const auto answer = Call(common, path, true, form);
  if (!answer) {
    return Fault(answer.error());
  }
  if (common.json) {
    std::cout << json::serialize(*answer) << "\n";
    return 0;
  }
  if (const auto* data = answer->is_object() ? answer->as_object().if_contains("data") : nullptr;
      data != nullptr && data->is_object()) {
    PrintAnswer(data->as_object());
  }
  return 0;
}

namespace {

int PrintReport(const Common& common, const IncidentsOptions& options) {
  const auto answer = CallText(common, "/api/v1/incidents/" + base::UrlEncode(options.id) +
                                           "/report?format=" + base::UrlEncode(options.report));
  if (!answer) {
    return Fault(answer.error());
  }
  std::cout << *answer;
  return 0;
}

}  // namespace

int RunIncidents(const Common& common, const IncidentsOptions& options) {
  const auto& id = options.id;
  if (!options.report.empty()) {
    if (id.empty()) {
      std::cerr << "raksa: --report needs an incident's id\n";
      return 2;
    }
    return PrintReport(common, options);
  }
  std::string path = "/api/v1/incidents";
  if (!id.empty()) {
    path += "/" + base::UrlEncode(id);
  } else {
    path += fmt::format("?limit={}", options.limit) +
            (options.state.empty() ? "" : "&state=" + base::UrlEncode(options.state));
  }
  const auto answer = Call(common, path);
  if (!answer) {
    return Fault(answer.error());
  }
  if (common.json) {
    std::cout << json::serialize(*answer) << "\n";
    return 0;
  }
  if (!answer->is_object()) {
    return 2;
  }
  if (!id.empty()) {
    PrintIncident(answer->as_object());
    return 0;
  }
  const auto& list = ListAt(answer->as_object(), "incidents");
  for (const auto& item : list) {
    if (item.is_object()) {
      PrintBrief(item.as_object());
    }
  }
  if (list.empty()) {
    std::cout << "no incidents\n";
  }
  return 0;
}

int RunIncidentAction(const Common& common, const std::string& id, const std::string& verb,
                      const std::string& comment) {
  const char* user = std::getenv("USER");
  const std::string body = json::serialize(
      json::object{{"by", user != nullptr ? user : "cli"}, {"comment", base::Printable(comment)}});
  const auto answer =
      Call(common, "/api/v1/incidents/" + base::UrlEncode(id) + "/" + verb, true, body);
  if (!answer) {
    return Fault(answer.error());
  }
  if (common.json) {
    std::cout << json::serialize(*answer) << "\n";
  } else if (answer->is_object()) {
    PrintBrief(answer->as_object());
  }
  return 0;
}

}  // namespace app
