// Raksa's own endpoints: fleet, targets, incidents, silences, kinds, events, status.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <charconv>

#include "api/answers.h"
#include "api/api.h"
#include "api/events.h"
#include "api/json.h"
#include "api/number.h"
#include "base/text.h"

namespace api {
namespace json = boost::json;
namespace {

/// A number from 1 to `most`; nothing when the parameter is not there.
base::Result<std::optional<std::size_t>> ReadCount(const Params& params, std::string_view name,
                                                   std::size_t most) {
  const auto text = params.Get(name);
  if (text.empty()) {
    return std::optional<std::size_t>();
  }
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > most) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("{} has to be a number from 1 to {}", name, most));
  }
  return std::optional(value);
}

Answer Fleet(Shared s, Request request) {
  if (!s->fleet) {
    co_return Missing("the fleet");
  }
  const auto first = ReadCount(request.query, "first", 1000);
  if (!first) {
    co_return JsonError(first.error());
  }
  auto targets = std::make_shared<const std::vector<TargetView>>(s->fleet());
  const auto now = base::Clock::Now();
  co_return co_await OnWorker(s, std::move(request), [targets, now, most = *first] {
    return json::value(most ? WorstJson(*targets, *most, now) : FleetJson(*targets, now));
  });
}

json::object DetailJson(const Sources& s, const TargetView& view) {
  auto out = ToJson(view);
  const auto& target = *view.target;
  json::array components;
  for (const auto& component : target.application) {
    components.push_back(
        json::object{{"id", component.Id()}, {"kind", component.kind}, {"name", component.name}});
  }
  out["components"] = std::move(components);
  out["depends_on"] = json::array(target.depends_on.begin(), target.depends_on.end());
  out["ports"] = json::array(target.ports.begin(), target.ports.end());
  out["snmp"] = target.snmp.has_value();
  out["ssh"] = target.ssh.has_value();
  json::array thresholds;
  if (s.thresholds) {
    for (const auto& t : s.thresholds(target.name)) {
      thresholds.push_back(json::object{
          {"metric", t.metric}, {"op", t.op}, {"value", NumberJson(t.value)}, {"rule", t.rule}});
    }
  }
  out["thresholds"] = std::move(thresholds);
  return out;
}

Answer TargetDetail(Shared s, Request request) {
  const auto name = request.captures.at(0);
  const auto view = s->target ? s->target(name) : std::nullopt;
  if (!view || !view->target) {
    std::vector<std::string> names;
    for (const auto& known : s->fleet ? s->fleet() : std::vector<TargetView>()) {
      names.push_back(known.target->name);
    }
    const auto nearest = base::Nearest(name, names);
    co_return JsonError(404, "not_found",
                        "there is no target \"" + name + "\"" +
                            (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
  }
  auto out = DetailJson(*s, *view);
  json::array incidents;
  if (s->incidents) {
    IncidentQuery query;
    query.target = name;
    query.limit = 20;
    const auto page = co_await s->incidents(std::move(query));
    for (const auto& incident : page ? page->incidents : std::vector<model::Incident>()) {
      incidents.push_back(BriefJson(incident));
    }
  }
  out["incidents"] = std::move(incidents);
  co_return Ok(out);
}

base::Result<IncidentQuery> ReadIncidentQuery(const Params& params) {
  IncidentQuery out;
  for (const auto& value : params.All("state")) {
    for (const auto part : base::Split(value, ',')) {
      std::string word(base::Trim(part));
      std::ranges::replace(word, '_', ' ');
      if (word == "active" || word == "closed") {
        out.open = word == "active";
      } else if (const auto state = model::ParseIncidentState(word)) {
        out.states.push_back(*state);
      } else {
        return base::Fail(base::ErrorKind::kInvalid, "state: \"" + word + "\" is not known");
      }
    }
  }
  if (const auto text = params.Get("outcome"); !text.empty()) {
    std::string word(text);
    std::ranges::replace(word, '_', ' ');
    out.outcome = model::ParseOutcome(word);
    if (!out.outcome) {
      return base::Fail(base::ErrorKind::kInvalid, "outcome: \"" + word + "\" is not known");
    }
  }
  for (auto* bound : {&out.since, &out.until}) {
    const auto text = params.Get(bound == &out.since ? "since" : "until");
    if (text.empty()) {
      continue;
    }
    const auto time = ParseApiTime(text);
    if (!time) {
      return base::Fail(time.error());
    }
    // Beyond these no time in nanoseconds is left, and no incident.
    *bound = base::FromMs(std::clamp<std::int64_t>(*time, 0, 9'000'000'000'000));
  }
  out.target = params.Get("target");
  out.before = params.Get("before");
  const auto limit = ReadCount(params, "limit", 500);
  if (!limit) {
    return base::Fail(limit.error());
  }
  out.limit = limit->value_or(out.limit);
  return out;
}

Answer Incidents(Shared s, Request request) {
  if (!s->incidents) {
    co_return Missing("the list of incidents");
  }
  auto query = ReadIncidentQuery(request.query);
  if (!query) {
    co_return JsonError(query.error());
  }
  const auto page = co_await s->incidents(std::move(*query));
  if (!page) {
    co_return JsonError(page.error());
  }
  json::array list;
  for (const auto& incident : page->incidents) {
    list.push_back(BriefJson(incident));
  }
  const bool more = page->more && !page->incidents.empty();
  co_return Ok(
      json::object{{"incidents", std::move(list)},
                   {"total", page->total},
                   {"next", more ? json::value(page->incidents.back().id) : json::value(nullptr)}});
}

Answer OneIncident(Shared s, Request request) {
  if (!s->incident) {
    co_return Missing("the incident");
  }
  auto found = co_await s->incident(request.captures.at(0));
  if (!found) {
    co_return JsonError(found.error());
  }
  if (request.query.Get("format") == "markdown" && s->report) {
    Response out = Text(200, s->report(*found, {}, "md"));
    out.content_type = "text/markdown; charset=utf-8";
    co_return out;
  }
  auto incident = std::make_shared<const model::Incident>(std::move(*found));
  co_return co_await OnWorker(s, std::move(request),
                              [incident] { return json::value(ToJson(*incident)); });
}

Answer Act(Shared s, Request request, IncidentAction::Kind kind) {
  if (!s->act) {
    co_return Missing("this action");
  }
  const auto body = ReadBody(request.body);
  if (!body) {
    co_return JsonError(body.error());
  }
  IncidentAction action;
  action.kind = kind;
  action.id = request.captures.at(0);
  // Who has a token cannot sign with another's name.
  action.by = request.anonymous ? BodyText(*body, "by", request.user) : request.user;
  action.comment = BodyText(*body, "comment", "");
  const auto incident = co_await s->act(std::move(action));
  co_return incident ? Ok(BriefJson(*incident)) : JsonError(incident.error());
}

Answer Silences(Shared s, Request) {
  if (!s->silences) {
    co_return Missing("the list of silences");
  }
  const auto now = base::Clock::Now();
  json::array list;
  for (const auto& silence : s->silences()) {
    list.push_back(ToJson(silence, now));
  }
  co_return Ok(json::object{{"silences", std::move(list)}});
}

Response OneSilence(const Sources& s, const std::string& id, int status) {
  for (const auto& silence : s.silences ? s.silences() : std::vector<alert::Silence>()) {
    if (silence.id == id) {
      return Ok(ToJson(silence, base::Clock::Now()), status);
    }
  }
  return Ok(json::object{{"id", id}}, status);
}

Answer AddSilence(Shared s, Request request) {
  if (!s->add_silence) {
    co_return Missing("silencing");
  }
  const auto body = ReadBody(request.body);
  if (!body) {
    co_return JsonError(body.error());
  }
  auto silence = ReadSilence(json::value(*body), base::Clock::Now(), request.user);
  if (!silence) {
    co_return JsonError(silence.error());
  }
  if (!request.anonymous) {
    silence->created_by = request.user;
  }
  const auto id = s->add_silence(std::move(*silence));
  co_return id ? OneSilence(*s, *id, 201) : JsonError(id.error());
}

Answer EndSilence(Shared s, Request request) {
  if (!s->end_silence) {
    co_return Missing("silencing");
  }
  const auto ended = s->end_silence(request.captures.at(0));
  co_return ended ? OneSilence(*s, request.captures.at(0), 200) : JsonError(ended.error());
}

Answer Events(Shared s, Request request) {
  if (s->events == nullptr) {
    co_return Missing("the stream of events");
  }
  std::vector<std::string> names;
  for (const auto& value : request.query.All("names")) {
    for (const auto part : base::Split(value, ',')) {
      if (const auto name = base::Trim(part); !name.empty()) {
        names.emplace_back(name);
      }
    }
  }
  co_return s->events->Subscribe(std::move(names));
}

Answer Status(Shared s, Request request) {
  if (!s->status) {
    co_return Missing("the status");
  }
  const auto status = s->status();
  const auto now = base::Clock::Now();
  auto figures = [](const auto& pairs) {
    json::object out;
    for (const auto& [name, value] : pairs) {
      out[name] = NumberJson(value);
    }
    return out;
  };
  auto store = figures(status.store);
  store["oldest"] = TimeJson(status.oldest);
  store["error"] = status.store_error;
  auto self = figures(status.self);
  self["event_clients"] = s->events != nullptr ? s->events->clients() : 0;
  co_return Ok(json::object{{"version", status.version},
                            {"revision", status.revision},
                            {"started", TimeJson(status.started)},
                            {"uptime_seconds", base::ToSeconds(now - status.started)},
                            {"time", TimeJson(now)},
                            {"ready", s->ready ? s->ready() : true},
                            {"pid", static_cast<std::int64_t>(::getpid())},
                            {"config_file", status.config_file},
                            {"config_loaded", TimeJson(status.config_loaded)},
                            {"config_error", status.config_error},
                            {"recovery_mode", status.recovery_mode},
                            {"role", ToString(request.role)},
                            {"user", request.user},
                            {"store", std::move(store)},
                            {"self", std::move(self)}});
}

Answer AllAlerts(Shared s, Request) {
  json::array list;
  for (const auto& view : s->alerts ? s->alerts() : std::vector<alert::View>()) {
    list.push_back(ToJson(view));
  }
  co_return Ok(json::object{{"alerts", std::move(list)}});
}

}  // namespace

void AddNative(Router& router, Shared sources) {
  auto add = [&](const char* method, const char* path, Needs needs, Answer (*fn)(Shared, Request)) {
    router.Add(method, path, needs,
               [sources, fn](Request request) { return fn(sources, std::move(request)); });
  };
  add("GET", "/api/v1/fleet", Needs::kRead, Fleet);
  add("GET", "/api/v1/targets/*", Needs::kRead, TargetDetail);
  add("GET", "/api/v1/incidents", Needs::kRead, Incidents);
  add("GET", "/api/v1/incidents/*", Needs::kRead, OneIncident);
  add("GET", "/api/v1/silences", Needs::kRead, Silences);
  add("POST", "/api/v1/silences", Needs::kOperate, AddSilence);
  add("DELETE", "/api/v1/silences/*", Needs::kOperate, EndSilence);
  add("GET", "/api/v1/events", Needs::kRead, Events);
  add("GET", "/api/v1/status", Needs::kRead, Status);
  add("GET", "/api/v1/alerts/active", Needs::kRead, AllAlerts);
  auto act = [&](const char* path, IncidentAction::Kind kind) {
    router.Add("POST", path, Needs::kOperate,
               [sources, kind](Request request) { return Act(sources, std::move(request), kind); });
  };
  act("/api/v1/incidents/*/approve", IncidentAction::Kind::kApprove);
  act("/api/v1/incidents/*/reject", IncidentAction::Kind::kReject);
  act("/api/v1/incidents/*/acknowledge", IncidentAction::Kind::kAcknowledge);
  act("/api/v1/incidents/*/stop", IncidentAction::Kind::kStop);
  act("/api/v1/incidents/*/again", IncidentAction::Kind::kAgain);
  act("/api/v1/incidents/*/close", IncidentAction::Kind::kClose);
}

}  // namespace api
