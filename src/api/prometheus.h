// Helpers of Prometheus's API (inside the room): its envelope and its ways to read parameters.
#pragma once

#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "api/number.h"
#include "api/router.h"
#include "api/sources.h"

namespace api {

/// {"status":"success","data":…}.
Response Success(const boost::json::value& data);
/// Prometheus's sentence for a bad parameter: `invalid parameter "start": …`, status 400.
Response BadParam(std::string_view name, std::string_view why);

/// Rules, alerts, targets, metadata, status (prometheus_status.cc).
void AddPrometheusStatus(Router& router, std::shared_ptr<const Sources> sources);
/// Series, labels, label values, format_query (prometheus_labels.cc).
void AddPrometheusLabels(Router& router, std::shared_ptr<const Sources> sources);
/// The newest samples for another Prometheus (federate.cc).
void AddFederate(Router& router, std::shared_ptr<const Sources> sources);
/// Remote write receiver and remote read (remote.cc).
void AddRemote(Router& router, std::shared_ptr<const Sources> sources);
/// query and query_range (prometheus_query.cc).
void AddPrometheusQuery(Router& router, std::shared_ptr<const Sources> sources);

}  // namespace api
