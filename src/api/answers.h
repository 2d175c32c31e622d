// Answers: what the files of Raksa's own endpoints share (inside the room).
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/http.h"
#include "api/router.h"
#include "api/sources.h"

namespace api {

using Shared = std::shared_ptr<const Sources>;
using Answer = loop::Task<Response>;

/// A JSON value as the answer.
Response Ok(const boost::json::value& value, int status = 200);
/// 404 for what this server was not given.
Response Missing(std::string_view what);
/// Writes a large answer on the worker, so that the loop goes on probing meanwhile.
Answer OnWorker(Shared s, Request request, std::function<boost::json::value()> make);
/// The JSON object of a body; an empty body is an empty object. Errors: kInvalid.
base::Result<boost::json::object> ReadBody(std::string_view text);
/// A member that is a text, printable and at most 1000 bytes; `fallback` when it is none or "".
std::string BodyText(const boost::json::object& body, std::string_view key, std::string fallback);

/// Makes one path of a router answered by a function over the sources.
void AddRoute(Router& router, const Shared& sources, const char* method, const char* path,
              Needs needs, Answer (*fn)(Shared, Request));

}  // namespace api
