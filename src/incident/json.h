// JSON of incidents: one form for the journal, the webhook and the API.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "base/result.h"
#include "model/incident.h"

namespace incident {

/// Every text is made printable; times are RFC 3339 for people and `…_ns` (nanoseconds since 1970)
/// for exactness. With `timeline` the history is in it.
boost::json::object ToJson(const model::Incident& incident, bool timeline);
boost::json::object ToJson(const model::Finding& finding);
boost::json::object ToJson(const model::StepOutcome& outcome);
boost::json::object ToJson(const model::CommandRecord& command);
boost::json::object ToJson(const model::TimelineEntry& entry);

/// Reads what ToJson wrote. Errors: kCorrupt with what does not fit.
base::Result<model::Incident> IncidentFromJson(const boost::json::value& value);
base::Result<model::Finding> FindingFromJson(const boost::json::value& value);
base::Result<model::StepOutcome> StepOutcomeFromJson(const boost::json::value& value);

/// Parses bounded text. Errors: kCorrupt.
base::Result<boost::json::value> ParseJson(std::string_view text);

}  // namespace incident
