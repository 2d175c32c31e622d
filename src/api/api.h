// The routes: every path of docs/api.md and who answers it.
#pragma once

#include <memory>

#include "api/router.h"
#include "api/sources.h"

namespace api {

class Server;

/// Makes the router of everything: Raksa's own API, Prometheus's API, metrics, health, webhooks,
/// events and the page. `sources` and what it points to outlive the server.
Router MakeRouter(std::shared_ptr<const Sources> sources);

/// Makes the router of the public status page's own address: that page, its files, its answer, and
/// nothing else.
Router MakePublicRouter(std::shared_ptr<const Sources> sources);

/// The server's own figures for /metrics: raksa_http_*, raksa_event_*.
void AddServerMetrics(Exposition& exposition, const Server& server, const EventHub& events);

/// Parts of it (one file each).
void AddNative(Router& router, std::shared_ptr<const Sources> sources);
void AddLogin(Router& router, std::shared_ptr<const Sources> sources);
void AddCatalogue(Router& router, std::shared_ptr<const Sources> sources);
void AddPublic(Router& router, std::shared_ptr<const Sources> sources);
void AddReports(Router& router, std::shared_ptr<const Sources> sources);
void AddDrills(Router& router, std::shared_ptr<const Sources> sources);
void AddPrometheus(Router& router, std::shared_ptr<const Sources> sources);
void AddOperations(Router& router, std::shared_ptr<const Sources> sources);

}  // namespace api
