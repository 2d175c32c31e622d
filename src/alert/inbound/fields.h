// Fields: reads values out of JSON that may be anything, and makes text from outside fit to keep.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/labels.h"

namespace alert::inbound {

/// The member `name`, nullptr when it is not there or null.
const boost::json::value* Member(const boost::json::object& object, std::string_view name);
/// The member as an object or array; nullptr when it is something else.
const boost::json::object* ObjectAt(const boost::json::object& object, std::string_view name);
const boost::json::array* ArrayAt(const boost::json::object& object, std::string_view name);

/// A string, number or truth value as text; "" for all else, and for what Zabbix writes where it
/// has nothing to say: unresolved macros (`{EVENT.RECOVERY.ID}`, `{$NAME}`, `{#NAME}`) and
/// `*UNKNOWN*`.
std::string TextOf(const boost::json::value& value);
/// The text of the first of these members that has one; "" when none has.
std::string TextAt(const boost::json::object& object,
                   std::initializer_list<std::string_view> names);
/// A number, or a string that is one as a whole ("98.5", "NaN", "1e3"); nullopt for all else.
std::optional<double> NumberOf(const boost::json::value& value);
std::optional<double> NumberAt(const boost::json::object& object, std::string_view name);
/// An RFC 3339 time between 1970 and 2261; nullopt for all else, as Go's zero time (year 1).
std::optional<base::Time> TimeAt(const boost::json::object& object, std::string_view name);

/// `text` in printable characters, cut to `limit` bytes at a character's border. Line ends and tabs
/// become spaces; all other control characters and broken UTF-8 U+FFFD.
std::string Clean(std::string_view text, std::size_t limit);
/// For a sentence: cleaned, at most 120 bytes, in double quotes.
std::string Quoted(std::string_view text);
/// An http or https URL without its user and password, cleaned; "" for anything else
/// ("javascript:…").
std::string CleanUrl(std::string_view text);

/// Sets `name` to the cleaned value if it may name a label of ours (a valid name of at most 128
/// bytes that does not begin with "__") and there is room: the last 20 of kMaxLabels places are
/// kept for the labels that decide (alertname, target, ip, …). Empty values are left out.
void AddLabel(model::Labels& labels, std::string_view name, std::string_view value);
/// All members of an object as labels; lists of texts are joined by commas.
void AddLabels(model::Labels& labels, const boost::json::object* object);
/// The object's members as labels without the reserve, for annotations.
model::Labels Annotations(const boost::json::object* object);

}  // namespace alert::inbound
