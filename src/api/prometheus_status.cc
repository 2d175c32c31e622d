// Prometheus's endpoints about itself: rules, alerts, targets, metadata, status. Shapes of 2.42
// (web/api/v1/api.go).
#include <algorithm>
#include <boost/json/object.hpp>
#include <charconv>
#include <filesystem>
#include <map>

#include "api/json.h"
#include "api/prometheus.h"
#include "base/text.h"
#include "base/url.h"

namespace api {
namespace json = boost::json;
namespace {

using Shared = std::shared_ptr<const Sources>;
using Answer = loop::Task<Response>;

/// The version of Prometheus whose API this is; Grafana chooses its requests by it.
constexpr std::string_view kApiVersion = "2.42.0";

/// Go's zero time stands for "never" in Prometheus's answers.
json::value GoTime(base::Time t) {
  return t == base::Time{} ? json::value("0001-01-01T00:00:00Z")
                           : json::value(base::FormatRfc3339(t));
}

/// A float as Go's FormatFloat(v, 'e', -1, 64): "1e+00".
std::string ExponentText(double v) {
  std::string out;
  if (!(v - v == 0)) {
    AppendValue(out, v);
    return out;
  }
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, v, std::chars_format::scientific).ptr;
  return {text, end};
}

json::object AlertJson(const RuleAlertView& alert) {
  return {{"labels", ToJson(alert.labels)},
          {"annotations", ToJson(alert.annotations)},
          {"state", alert.state},
          {"activeAt", GoTime(alert.active_at)},
          {"value", ExponentText(alert.value)}};
}

json::object RuleJson(const RuleView& rule) {
  json::object out;
  if (!rule.recording) {
    out["state"] = rule.state;
  }
  out["name"] = rule.name;
  out["query"] = rule.query;
  if (!rule.recording) {
    out["duration"] = base::ToSeconds(rule.hold);
    out["keepFiringFor"] = base::ToSeconds(rule.keep_firing_for);
  }
  if (!rule.recording || !rule.labels.empty()) {
    out["labels"] = ToJson(rule.labels);
  }
  if (!rule.recording) {
    out["annotations"] = ToJson(rule.annotations);
    json::array alerts;
    for (const auto& alert : rule.alerts) {
      alerts.push_back(AlertJson(alert));
    }
    out["alerts"] = std::move(alerts);
  }
  out["health"] = rule.health;
  if (!rule.last_error.empty()) {
    out["lastError"] = rule.last_error;
  }
  out["evaluationTime"] = base::ToSeconds(rule.evaluation_time);
  out["lastEvaluation"] = GoTime(rule.last_evaluation);
  out["type"] = rule.recording ? "recording" : "alerting";
  return out;
}

Answer Rules(Shared s, Request request) {
  const auto type = request.query.Get("type");
  if (!type.empty() && type != "alert" && type != "record") {
    co_return BadParam("type", "not supported value " + base::JsonQuote(type));
  }
  json::array groups;
  for (const auto& group : s->rules ? s->rules() : std::vector<RuleGroupView>()) {
    json::array rules;
    for (const auto& rule : group.rules) {
      if (type.empty() || (type == "record") == rule.recording) {
        rules.push_back(RuleJson(rule));
      }
    }
    groups.push_back(json::object{{"name", group.name},
                                  {"file", group.file},
                                  {"rules", std::move(rules)},
                                  {"interval", base::ToSeconds(group.interval)},
                                  {"limit", group.limit},
                                  {"evaluationTime", base::ToSeconds(group.evaluation_time)},
                                  {"lastEvaluation", GoTime(group.last_evaluation)}});
  }
  co_return Success(json::object{{"groups", std::move(groups)}});
}

Answer Alerts(Shared s, Request) {
  json::array alerts;
  for (const auto& group : s->rules ? s->rules() : std::vector<RuleGroupView>()) {
    for (const auto& rule : group.rules) {
      for (const auto& alert : rule.alerts) {
        alerts.push_back(AlertJson(alert));
      }
    }
  }
  co_return Success(json::object{{"alerts", std::move(alerts)}});
}

/// What a scrape is called, where the probe is one.
void AddScrape(const model::ProbeSpec& spec, model::Labels* labels, std::string* url) {
  *url = spec.options.Get<std::string>("url");
  const auto instance = spec.options.Get<std::string>("instance");
  labels->Set("job", spec.options.Get<std::string>("job"));
  const auto site = base::SiteOf(*url);
  labels->Set("instance", !instance.empty() ? instance : site ? site->ToString() : *url);
}

/// A probe in the terms of a scrape.
json::object ScrapeJson(const TargetView& view, const ProbeView& probe) {
  const auto& target = *view.target;
  auto labels = target.SampleLabels();
  labels.Set("job", probe.kind);
  labels.Set("instance", target.name);
  labels.Set("probe", probe.name);
  std::string url = target.url.empty() ? probe.kind + "://" + target.address : target.url;
  auto interval = view.interval;
  auto timeout = view.timeout;
  const auto spec = std::ranges::find(target.probes, probe.name, &model::ProbeSpec::name);
  if (spec != target.probes.end()) {
    interval = spec->interval;
    timeout = spec->timeout;
    if (spec->options.Has("job") && spec->options.Has("url")) {
      AddScrape(*spec, &labels, &url);
    }
  }
  const auto health = probe.time == base::Time{} ? "unknown" : probe.success ? "up" : "down";
  return {{"discoveredLabels", json::object{{"__address__", target.address}}},
          {"labels", ToJson(labels)},
          {"scrapePool", labels.Get("job")},
          {"scrapeUrl", url},
          {"globalUrl", url},
          {"lastError", probe.reason},
          {"lastScrape", GoTime(probe.time)},
          {"lastScrapeDuration", base::ToSeconds(probe.took)},
          {"health", health},
          {"scrapeInterval", base::FormatDuration(interval)},
          {"scrapeTimeout", base::FormatDuration(timeout)}};
}

Answer Targets(Shared s, Request request) {
  const auto state = base::Trim(request.query.Get("state"));
  json::array active;
  if (s->fleet && state != "dropped") {
    for (const auto& view : s->fleet()) {
      for (const auto& probe : view.probes) {
        active.push_back(ScrapeJson(view, probe));
      }
    }
  }
  co_return Success(
      json::object{{"activeTargets", std::move(active)}, {"droppedTargets", json::array()}});
}

Answer Metadata(Shared s, Request request) {
  std::size_t limit = SIZE_MAX;
  if (request.query.Has("limit")) {
    const auto text = request.query.Get("limit");
    long long number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
      co_return JsonError(400, "bad_data", "limit must be a number");
    }
    limit = number < 0 ? SIZE_MAX : static_cast<std::size_t>(number);
  }
  const auto metric = request.query.Get("metric");
  std::map<std::string, json::object> known;
  const auto kinds = s->kinds ? s->kinds() : KindsView();
  for (const auto& kind : kinds.probes) {
    for (const auto& spec : kind.metrics) {
      if (metric.empty() || spec.name == metric) {
        known.try_emplace(
            std::string(spec.name),
            json::object{{"type", spec.type}, {"help", spec.help}, {"unit", spec.unit}});
      }
    }
  }
  for (const auto& one : s->families ? s->families(metric) : std::vector<FamilyView>()) {
    known.try_emplace(one.name,
                      json::object{{"type", one.type}, {"help", one.help}, {"unit", one.unit}});
  }
  for (const auto& one : s->metadata ? s->metadata(metric) : std::vector<remote::Metadata>()) {
    known.try_emplace(one.name,
                      json::object{{"type", one.type}, {"help", one.help}, {"unit", one.unit}});
  }
  json::object data;
  for (auto& [name, one] : known) {
    if (data.size() >= limit) {
      break;
    }
    data[name] = json::array{std::move(one)};
  }
  co_return Success(std::move(data));
}

Answer BuildInfo(Shared s, Request) {
  const auto status = s->status ? s->status() : StatusView();
  co_return Success(json::object{{"version", kApiVersion},
                                 {"revision", status.revision},
                                 {"branch", ""},
                                 {"buildUser", "raksa"},
                                 {"buildDate", ""},
                                 {"goVersion", ""},
                                 {"application", "Raksa"},
                                 {"applicationVersion", status.version}});
}

Answer RuntimeInfo(Shared s, Request) {
  const auto status = s->status ? s->status() : StatusView();
  std::error_code ec;
  const auto folder = std::filesystem::current_path(ec).string();
  co_return Success(json::object{{"startTime", GoTime(status.started)},
                                 {"CWD", folder},
                                 {"reloadConfigSuccess", status.config_error.empty()},
                                 {"lastConfigTime", GoTime(status.config_loaded)},
                                 {"corruptionCount", 0},
                                 {"goroutineCount", 0},
                                 {"GOMAXPROCS", 0},
                                 {"GOGC", ""},
                                 {"GODEBUG", ""},
                                 {"storageRetention", status.retention}});
}

Answer Config(Shared s, Request) {
  co_return Success(json::object{{"yaml", s->config_text ? s->config_text() : ""}});
}

Answer Flags(Shared s, Request) {
  json::object flags;
  for (const auto& [name, value] : s->flags) {
    flags[name] = value;
  }
  co_return Success(std::move(flags));
}

Answer Tsdb(Shared s, Request) {
  const auto status = s->status ? s->status() : StatusView();
  auto figure = [&](std::string_view name) {
    const auto at = std::ranges::find(status.store, name, &std::pair<std::string, double>::first);
    return at == status.store.end() ? json::value(0) : NumberJson(at->second);
  };
  co_return Success(json::object{{"headStats", json::object{{"numSeries", figure("series")},
                                                            {"numLabelPairs", 0},
                                                            {"chunkCount", figure("chunks")},
                                                            {"minTime", base::ToMs(status.oldest)},
                                                            {"maxTime", base::Clock::NowMs()}}},
                                 {"seriesCountByMetricName", json::array()},
                                 {"labelValueCountByLabelName", json::array()},
                                 {"memoryInBytesByLabelName", json::array()},
                                 {"seriesCountByLabelValuePair", json::array()}});
}

Answer Alertmanagers(Shared, Request) {
  co_return Success(json::object{{"activeAlertmanagers", json::array()},
                                 {"droppedAlertmanagers", json::array()}});
}

}  // namespace

void AddPrometheusStatus(Router& router, Shared sources) {
  auto add = [&](const char* path, Answer (*fn)(Shared, Request)) {
    router.Add("GET", path, Needs::kRead,
               [sources, fn](Request request) { return fn(sources, std::move(request)); });
  };
  add("/api/v1/rules", Rules);
  add("/api/v1/alerts", Alerts);
  add("/api/v1/targets", Targets);
  add("/api/v1/metadata", Metadata);
  add("/api/v1/alertmanagers", Alertmanagers);
  add("/api/v1/status/buildinfo", BuildInfo);
  add("/api/v1/status/runtimeinfo", RuntimeInfo);
  add("/api/v1/status/config", Config);
  add("/api/v1/status/flags", Flags);
  add("/api/v1/status/tsdb", Tsdb);
}

}  // namespace api
