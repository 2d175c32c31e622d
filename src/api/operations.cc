// Operations: metrics, health, reload, probes on request, webhooks, the page.
#include <fmt/format.h>

#include <boost/json/object.hpp>

#include "api/api.h"
#include "api/assets.h"
#include "api/events.h"
#include "api/exposition.h"
#include "api/prometheus.h"
#include "api/server.h"

namespace api {
namespace {

using Shared = std::shared_ptr<const Sources>;
using Answer = loop::Task<Response>;

Response Expose(const Exposition& exposition, const Request& request) {
  const bool open_metrics = Exposition::PrefersOpenMetrics(request.Header("accept"));
  auto out = Text(200, open_metrics ? exposition.OpenMetrics() : exposition.Text());
  out.content_type = open_metrics ? Exposition::kOpenMetricsType : Exposition::kTextType;
  return out;
}

Answer Metrics(Shared s, Request request) {
  Exposition exposition;
  if (s->metrics) {
    s->metrics(exposition);
  }
  co_return Expose(exposition, request);
}

Answer Healthy(Shared, Request) { co_return Text(200, "Raksa is Healthy.\n"); }

Answer IsReady(Shared s, Request) {
  const bool ready = !s->ready || s->ready();
  co_return ready ? Text(200, "Raksa is Ready.\n") : Text(503, "Raksa is not ready yet.\n");
}

Answer Reload(Shared s, Request) {
  if (!s->reload) {
    co_return Text(404, "reload is not available\n");
  }
  const auto done = co_await s->reload();
  if (done) {
    co_return Text(200, "the configuration was reloaded\n");
  }
  const bool theirs = done.error().kind == base::ErrorKind::kInvalid;
  co_return Text(theirs ? 400 : 500,
                 "failed to reload the configuration; the old one stays in force\n" +
                     done.error().message + "\n");
}

// As Prometheus answers it (web/api/v1/api.go, snapshot).
Answer Snapshot(Shared s, Request) {
  if (!s->snapshot) {
    co_return Text(404, "snapshots are not available\n");
  }
  const auto name = co_await s->snapshot();
  if (!name) {
    co_return JsonError(name.error());
  }
  co_return Success(boost::json::object{{"name", *name}});
}

Answer Probe(Shared s, Request request) {
  if (!s->probe) {
    co_return Text(404, "probes on request are not available\n");
  }
  const std::string target(request.query.Get("target"));
  if (target.empty()) {
    co_return Text(400, "Target parameter is missing\n");
  }
  const auto result = co_await s->probe(target, std::string(request.query.Get("module")));
  if (!result) {
    const auto status = JsonError(result.error()).status;
    co_return Text(status == 409 ? 400 : status, result.error().message + "\n");
  }
  co_return Expose(*result, request);
}

Answer Webhook(Shared s, Request request) {
  if (!s->webhook) {
    co_return Text(404, "webhooks are not available\n");
  }
  const auto taken = co_await s->webhook(std::move(request));
  if (!taken) {
    co_return JsonError(taken.error());
  }
  co_return JsonText(200, *taken + "\n");  // exactly 200: Zabbix takes no other status
}

Answer Page(Shared s, Request request) { co_return ServeAsset(request, s->web_dir); }

}  // namespace

void AddOperations(Router& router, Shared sources) {
  auto add = [&](const char* method, const char* path, Needs needs, Answer (*fn)(Shared, Request)) {
    router.Add(method, path, needs,
               [sources, fn](Request request) { return fn(sources, std::move(request)); });
  };
  add("GET", "/metrics", Needs::kRead, Metrics);
  add("GET", "/-/healthy", Needs::kNothing, Healthy);
  add("GET", "/-/ready", Needs::kNothing, IsReady);
  add("POST", "/-/reload", Needs::kOperate, Reload);
  add("PUT", "/-/reload", Needs::kOperate, Reload);
  add("POST", "/api/v1/admin/tsdb/snapshot", Needs::kOperate, Snapshot);
  add("PUT", "/api/v1/admin/tsdb/snapshot", Needs::kOperate, Snapshot);
  add("GET", "/probe", Needs::kRead, Probe);
  for (const char* path : {"/shs", "/webhook", "/webhook/*", "/api/v1/webhook", "/api/v1/webhook/*",
                           "/api/v2/alerts"}) {
    add("POST", path, Needs::kAlert, Webhook);
    add("PUT", path, Needs::kAlert, Webhook);
  }
  router.SetFallback([sources](Request request) { return Page(sources, std::move(request)); });
}

void AddServerMetrics(Exposition& exposition, const Server& server, const EventHub& events) {
  const auto stats = server.stats();
  for (int hundred = 1; hundred <= 5; ++hundred) {
    exposition.Add("raksa_http_responses_total", "counter", "Answers sent, by class of status.",
                   static_cast<double>(stats.responses[hundred]),
                   {{"code", fmt::format("{}xx", hundred)}});
  }
  auto add = [&](const char* name, const char* type, const char* help, auto value) {
    exposition.Add(name, type, help, static_cast<double>(value));
  };
  add("raksa_http_connections", "gauge", "Connections that are open.", stats.connections);
  add("raksa_http_accepted_total", "counter", "Connections accepted.", stats.accepted);
  add("raksa_http_refused_total", "counter", "Connections turned away at the limit.",
      stats.refused);
  add("raksa_http_timeouts_total", "counter", "Connections closed at a deadline.", stats.timeouts);
  add("raksa_http_malformed_total", "counter", "Requests that were no HTTP.", stats.errors);
  add("raksa_event_clients", "gauge", "Pages that listen to events.", events.clients());
  add("raksa_events_total", "counter", "Events published.", events.published());
  add("raksa_event_clients_dropped_total", "counter", "Pages dropped for being too slow.",
      events.dropped_clients());
}

Router MakeRouter(Shared sources) {
  Router router;
  AddPrometheus(router, sources);
  AddNative(router, sources);
  AddReports(router, sources);
  AddCatalogue(router, sources);
  AddLogin(router, sources);
  AddPublic(router, sources);
  AddDrills(router, sources);
  AddOperations(router, sources);
  return router;
}

}  // namespace api
