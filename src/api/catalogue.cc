// What this program knows and how it is set: kinds with their pages, causes, the configuration.
#include <algorithm>
#include <boost/json/object.hpp>

#include "api/answers.h"
#include "api/api.h"
#include "api/json.h"

namespace api {
namespace json = boost::json;
namespace {

Answer Kinds(Shared s, Request) {
  co_return s->kinds ? Ok(ToJson(s->kinds())) : Missing("the catalogue");
}

Answer Causes(Shared s, Request) {
  if (!s->kinds) {
    co_return Missing("the catalogue");
  }
  json::array out;
  for (const auto& component : s->kinds().components) {
    for (const auto& cause : component.causes) {
      auto one = ToJson(cause);
      one["component"] = component.spec.name;
      out.push_back(std::move(one));
    }
  }
  co_return Ok(out);
}

Answer Readme(Shared s, Request request) {
  const auto& kind = request.captures.at(0);
  const auto room = request.query.Get("room");
  for (const auto& page : s->readmes ? s->readmes() : std::vector<ReadmeView>()) {
    if (page.kind == kind && (room.empty() || room == page.room)) {
      co_return Ok(
          json::object{{"kind", page.kind}, {"room", page.room}, {"markdown", page.markdown}});
    }
  }
  co_return JsonError(404, "not_found", "there is no page of a kind \"" + kind + "\"");
}

json::object ToJson(const ChannelView& channel) {
  json::value quota;
  if (channel.quota_used) {
    quota = json::object{
        {"limit", channel.quota_limit ? json::value(*channel.quota_limit) : json::value()},
        {"used", *channel.quota_used}};
  }
  return {{"name", channel.name},
          {"kind", channel.kind},
          {"quota", std::move(quota)},
          {"last", TimeJson(channel.last_delivered)},
          {"last_error", channel.last_error},
          {"delivered", channel.delivered},
          {"failed", channel.failed},
          {"waiting", channel.waiting}};
}

Answer Settings(Shared s, Request) {
  if (!s->settings) {
    co_return Missing("the configuration");
  }
  const auto view = s->settings();
  json::array config;
  for (const auto& [path, value] : view.config) {
    config.push_back(json::object{{"path", path}, {"value", value}});
  }
  json::array channels;
  for (const auto& channel : view.channels) {
    channels.push_back(ToJson(channel));
  }
  co_return Ok(json::object{{"config", std::move(config)},
                            {"file", view.file},
                            {"loaded", TimeJson(view.loaded)},
                            {"error", view.error},
                            {"kinds", s->kinds ? api::ToJson(s->kinds()) : json::object()},
                            {"channels", std::move(channels)}});
}

}  // namespace

void AddCatalogue(Router& router, Shared sources) {
  AddRoute(router, sources, "GET", "/api/v1/kinds", Needs::kRead, Kinds);
  AddRoute(router, sources, "GET", "/api/v1/kinds/*/readme", Needs::kRead, Readme);
  AddRoute(router, sources, "GET", "/api/v1/causes", Needs::kRead, Causes);
  AddRoute(router, sources, "GET", "/api/v1/settings", Needs::kRead, Settings);
}

}  // namespace api
