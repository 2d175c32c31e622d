// Drills: who breaks what on purpose just now.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "api/api.h"
#include "api/json.h"
#include "base/text.h"

namespace api {
namespace json = boost::json;
namespace {

using Shared = std::shared_ptr<const Sources>;
using Answer = loop::Task<Response>;

json::object ToJson(const DrillView& drill) {
  return {{"target", drill.target},
          {"scenario", drill.scenario},
          {"by", base::Printable(drill.by)},
          {"until", base::FormatRfc3339(drill.until)}};
}

Response Missing() { return JsonError(404, "not_found", "drills are not available here"); }

Answer List(Shared s, Request) {
  if (!s->drills) {
    co_return Missing();
  }
  json::array list;
  for (const auto& drill : s->drills()) {
    list.push_back(ToJson(drill));
  }
  co_return JsonText(200, ToText(json::object{{"drills", std::move(list)}}) + "\n");
}

Answer Begin(Shared s, Request request) {
  if (!s->begin_drill) {
    co_return Missing();
  }
  boost::system::error_code ec;
  const auto body = json::parse(request.body, ec);
  const auto text = [&](std::string_view key) -> std::string {
    const auto* value = !ec && body.is_object() ? body.get_object().if_contains(key) : nullptr;
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  };
  DrillView drill{.target = text("target"), .scenario = text("scenario"), .by = text("by")};
  if (drill.target.empty() || drill.scenario.empty()) {
    co_return JsonError(400, "bad_data", "the body has to be {\"target\": …, \"scenario\": …}");
  }
  // Who has a token cannot sign with another's name.
  if (!request.anonymous || drill.by.empty()) {
    drill.by = request.user;
  }
  drill.by = base::Printable(drill.by.substr(0, 100));
  const auto begun = co_await s->begin_drill(std::move(drill));
  if (!begun) {
    co_return JsonError(begun.error());
  }
  co_return JsonText(201, ToText(ToJson(*begun)) + "\n");
}

Answer End(Shared s, Request request) {
  if (!s->end_drill) {
    co_return Missing();
  }
  const auto ended = s->end_drill(request.captures.at(0));
  co_return ended ? JsonText(200, "{}\n") : JsonError(ended.error());
}

}  // namespace

void AddDrills(Router& router, std::shared_ptr<const Sources> sources) {
  auto add = [&](const char* method, const char* path, Needs needs, Answer (*fn)(Shared, Request)) {
    router.Add(method, path, needs,
               [sources, fn](Request request) { return fn(sources, std::move(request)); });
  };
  add("GET", "/api/v1/drills", Needs::kRead, List);
  add("POST", "/api/v1/drills", Needs::kOperate, Begin);
  add("POST", "/api/v1/drills/*/end", Needs::kOperate, End);
}

}  // namespace api
