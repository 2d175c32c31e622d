// Answers in JSON, small ones at once and large ones on the worker.
#include "api/answers.h"

#include <boost/json/parse.hpp>

#include "api/gzip.h"
#include "api/json.h"
#include "base/text.h"

namespace api {
namespace json = boost::json;

Response Ok(const json::value& value, int status) { return JsonText(status, ToText(value) + "\n"); }

Response Missing(std::string_view what) {
  return JsonError(404, "not_found", std::string(what) + " is not available here");
}

Answer OnWorker(Shared s, Request request, std::function<json::value()> make) {
  const bool gzip = AcceptsGzip(request.Header("accept-encoding"));
  auto work = [make = std::move(make), gzip] {
    auto out = Ok(make());
    if (gzip && out.body.size() > 2048) {
      out.body = Gzip(out.body, 3);
      out.gzipped = true;
      out.headers.emplace_back("Content-Encoding", "gzip");
    }
    return out;
  };
  if (s->worker == nullptr) {
    co_return work();
  }
  auto response = co_await s->worker->Run(std::move(work));
  co_return response;
}

base::Result<json::object> ReadBody(std::string_view text) {
  if (base::Trim(text).empty()) {
    return json::object();
  }
  boost::system::error_code ec;
  json::parse_options options;
  options.max_depth = 16;
  auto value = json::parse(text, ec, {}, options);
  if (ec) {
    return base::Fail(base::ErrorKind::kInvalid, "the body is not valid JSON: " + ec.message());
  }
  if (!value.is_object()) {
    return base::Fail(base::ErrorKind::kInvalid, "the body has to be a JSON object");
  }
  return std::move(value.get_object());
}

std::string BodyText(const json::object& body, std::string_view key, std::string fallback) {
  const auto* value = body.if_contains(key);
  if (value == nullptr || !value->is_string() || value->get_string().empty()) {
    return fallback;
  }
  return base::Printable(std::string_view(value->get_string()).substr(0, 1000));
}

void AddRoute(Router& router, const Shared& sources, const char* method, const char* path,
              Needs needs, Answer (*fn)(Shared, Request)) {
  router.Add(method, path, needs,
             [sources, fn](Request request) { return fn(sources, std::move(request)); });
}

}  // namespace api
