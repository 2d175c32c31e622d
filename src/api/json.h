// JSON of what Raksa's own endpoints and `--json` show: the shapes of docs/api.md.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "api/sources.h"

namespace api {

/// A JSON text: numbers in their shortest plain form (12.5, not 1.25E1), strings with broken UTF-8
/// replaced.
std::string ToText(const boost::json::value& value);

/// RFC 3339, or null for zero.
boost::json::value TimeJson(base::Time t);
/// A number, or "NaN", "+Inf", "-Inf".
boost::json::value NumberJson(double v);
boost::json::object ToJson(const model::Labels& labels);
boost::json::object ToJson(const alert::View& view);
boost::json::object ToJson(const model::CommandRecord& command);
boost::json::object ToJson(const model::Finding& finding);
boost::json::object ToJson(const model::StepOutcome& step);
boost::json::object ToJson(const model::TimelineEntry& entry);
/// The short form: state, times, cause.
boost::json::object BriefJson(const model::Incident& incident);
/// Everything, with alerts, findings, steps and timeline.
boost::json::object ToJson(const model::Incident& incident);
boost::json::object ToJson(const model::KindSpec& spec);
boost::json::object ToJson(const CauseView& cause);
boost::json::object ToJson(const KindsView& kinds);
boost::json::object ToJson(const MessageView& message);
boost::json::object ToJson(const TargetView& view);
/// The counts on top of the fleet.
boost::json::object SummaryJson(const std::vector<TargetView>& targets);
boost::json::object FleetJson(const std::vector<TargetView>& targets, base::Time now);
/// The same with only the first `most` of them, worst first: what a page shows first.
boost::json::object WorstJson(const std::vector<TargetView>& targets, std::size_t most,
                              base::Time now);
boost::json::object ToJson(const alert::Silence& silence, base::Time now);
/// Reads what POST /api/v1/silences takes. Errors: kInvalid with the field's name.
base::Result<alert::Silence> ReadSilence(const boost::json::value& value, base::Time now,
                                         const std::string& by);

/// The data of the events of docs/api.md.
std::string SampleEvent(const std::string& target, base::Time slot,
                        const std::vector<ValueView>& values);
std::string FleetEvent(const std::vector<TargetView>& all, const std::vector<TargetView>& changed,
                       bool reloaded);
std::string IncidentEvent(const model::Incident& incident, const model::TimelineEntry* entry);
std::string AlertEvent(const alert::View& view);

}  // namespace api
