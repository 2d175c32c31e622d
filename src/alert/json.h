// JSON of alerts, as the journal keeps them: exact times in nanoseconds, labels as an object.
#pragma once

#include <boost/json/object.hpp>

#include "base/result.h"
#include "model/alert.h"

namespace alert {

boost::json::object ToJson(const model::Labels& labels);
boost::json::object ToJson(const model::Alert& alert);
/// Errors: kCorrupt with the field's name.
base::Result<model::Labels> LabelsFromJson(const boost::json::value& value);
base::Result<model::Alert> AlertFromJson(const boost::json::value& value);

/// Nanoseconds since 1970, and back: how times stand in the journal.
inline std::int64_t ToNs(base::Time t) { return t.time_since_epoch().count(); }
inline base::Time FromNs(std::int64_t ns) { return base::Time(std::chrono::nanoseconds(ns)); }

/// Reading helpers: the member `key`, or the fallback when it is missing or of another type.
std::string GetText(const boost::json::object& object, std::string_view key);
std::int64_t GetInt(const boost::json::object& object, std::string_view key,
                    std::int64_t otherwise = 0);
bool GetBool(const boost::json::object& object, std::string_view key);
double GetNumber(const boost::json::object& object, std::string_view key);
base::Time GetTime(const boost::json::object& object, std::string_view key);

}  // namespace alert
