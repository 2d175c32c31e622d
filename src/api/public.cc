// The public status page: what everybody may see, on the page's address and on one of its own.
#include "api/answers.h"
#include "api/api.h"
#include "api/assets.h"

namespace api {
namespace {

Answer Status(Shared s, Request) {
  auto text = s->public_status ? s->public_status() : std::string();
  if (text.empty()) {
    co_return Missing("a public status page");
  }
  auto out = JsonText(200, std::move(text));
  out.headers.emplace_back("Cache-Control", "public, max-age=5");
  co_return out;
}

Answer Page(Shared s, Request request) {
  request.path = "/status.html";
  co_return ServeAsset(request, s->web_dir);
}

Answer File(Shared s, Request request) { co_return ServeAsset(request, s->web_dir); }

}  // namespace

void AddPublic(Router& router, Shared sources) {
  AddRoute(router, sources, "GET", "/api/v1/public/status", Needs::kNothing, Status);
  AddRoute(router, sources, "GET", "/status", Needs::kNothing, Page);
}

Router MakePublicRouter(Shared sources) {
  Router router;
  AddPublic(router, sources);
  AddRoute(router, sources, "GET", "/", Needs::kNothing, Page);
  AddRoute(router, sources, "GET", "/status.html", Needs::kNothing, Page);
  for (const char* path : {"/assets/*", "/icon.svg", "/favicon.ico", "/robots.txt"}) {
    AddRoute(router, sources, "GET", path, Needs::kNothing, File);
  }
  return router;
}

}  // namespace api
