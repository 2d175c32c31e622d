// What is left of an incident: its report to take away, and the messages that told of it.
#include <algorithm>
#include <array>
#include <boost/json/object.hpp>

#include "api/answers.h"
#include "api/api.h"
#include "api/json.h"

namespace api {
namespace json = boost::json;
namespace {

struct Format {
  std::string_view name;
  std::string_view ending;
  std::string_view type;
};
constexpr std::array<Format, 3> kFormats = {{{"md", "md", "text/markdown; charset=utf-8"},
                                             {"html", "html", "text/html; charset=utf-8"},
                                             {"json", "json", "application/json"}}};

/// A file name of an incident's id: letters and digits only.
std::string FileName(const std::string& id, std::string_view ending) {
  std::string plain;
  std::ranges::copy_if(id.substr(0, 40), std::back_inserter(plain),
                       [](unsigned char c) { return std::isalnum(c) != 0; });
  return "raksa-" + plain + "." + std::string(ending);
}

Answer Report(Shared s, Request request) {
  if (!s->incident || !s->report) {
    co_return Missing("the report");
  }
  const auto asked = request.query.Has("format") ? request.query.Get("format") : "md";
  const auto* format = std::ranges::find(kFormats, asked, &Format::name);
  if (format == kFormats.end()) {
    co_return JsonError(400, "bad_data", "format has to be md, html or json");
  }
  auto found = co_await s->incident(request.captures.at(0));
  if (!found) {
    co_return JsonError(found.error());
  }
  std::vector<MessageView> messages;
  if (s->messages) {
    auto sent = co_await s->messages(found->id);
    if (sent) {
      messages = std::move(*sent);
    }
  }
  const auto id = found->id;
  auto work = [s, format, incident = std::move(*found), messages = std::move(messages)] {
    return s->report(incident, messages, format->name);
  };
  Response out;
  if (s->worker != nullptr) {
    out.body = co_await s->worker->Run(std::move(work));
  } else {
    out.body = work();
  }
  out.content_type = format->type;
  out.headers.emplace_back("Content-Disposition",
                           "attachment; filename=\"" + FileName(id, format->ending) + "\"");
  co_return out;
}

Answer Messages(Shared s, Request request) {
  if (!s->incident || !s->messages) {
    co_return Missing("the list of messages");
  }
  const auto found = co_await s->incident(request.captures.at(0));
  if (!found) {
    co_return JsonError(found.error());
  }
  const auto messages = co_await s->messages(found->id);
  if (!messages) {
    co_return JsonError(messages.error());
  }
  json::array out;
  for (const auto& message : *messages) {
    out.push_back(ToJson(message));
  }
  co_return Ok(out);
}

}  // namespace

void AddReports(Router& router, Shared sources) {
  AddRoute(router, sources, "GET", "/api/v1/incidents/*/report", Needs::kRead, Report);
  AddRoute(router, sources, "GET", "/api/v1/incidents/*/messages", Needs::kRead, Messages);
}

}  // namespace api
