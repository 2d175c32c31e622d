// Client: how commands talk to the running daemon over its own API.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "app/commands.h"
#include "base/result.h"

namespace app {

/// Where the daemon is: as told, or as the configuration listens (a unix socket first: it needs no
/// token), or the usual place.
std::string Endpoint(const Common& common);

/// One call of the daemon's API. `path` starts with "/"; `form` is sent as a POST body when `post`.
/// Errors: kUnavailable when no daemon answers (the sentence says where it was looked for),
/// kInvalid with the daemon's own sentence for a refusal, kNotFound for 404.
base::Result<boost::json::value> Call(const Common& common, const std::string& path,
                                      bool post = false, const std::string& form = "");

/// The same, giving the answer's text as it is (GET only).
base::Result<std::string> CallText(const Common& common, const std::string& path);

/// A member of the daemon's answer as text for people: what came from outside is made printable; ""
/// when it is null or not there.
std::string TextAt(const boost::json::object& object, std::string_view name);
/// A list of the daemon's answer; an empty one when it is not there or no list.
const boost::json::array& ListAt(const boost::json::object& object, std::string_view name);

}  // namespace app
