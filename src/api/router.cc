// Router: patterns are compared segment by segment.
#include "api/router.h"

#include <optional>

#include "base/text.h"

namespace api {
namespace {

std::optional<std::vector<std::string>> Fit(std::string_view pattern, std::string_view path) {
  std::vector<std::string> captures;
  while (true) {
    if (pattern == "/**") {
      captures.emplace_back(path.empty() ? path : path.substr(1));
      return captures;
    }
    if (pattern.empty() || path.empty()) {
      return pattern.empty() && path.empty() ? std::optional(captures) : std::nullopt;
    }
    const auto pattern_end = pattern.find('/', 1);
    const auto path_end = path.find('/', 1);
    const auto want = pattern.substr(0, pattern_end);
    const auto have = path.substr(0, path_end);
    if (want == "/*" && have.size() > 1) {
      captures.emplace_back(have.substr(1));
    } else if (want != have) {
      return std::nullopt;
    }
    pattern = pattern_end == std::string_view::npos ? "" : pattern.substr(pattern_end);
    path = path_end == std::string_view::npos ? "" : path.substr(path_end);
  }
}

}  // namespace

Route& Router::Add(std::string method, std::string pattern, Needs needs, Handler handler) {
  routes_.push_back({std::move(method), std::move(pattern), needs, std::move(handler)});
  return routes_.back();
}

void Router::SetFallback(Handler handler) {
  fallback_.clear();
  fallback_.push_back({"GET", "/**", Needs::kNothing, std::move(handler)});
}

Router::Match Router::Find(std::string_view method, std::string_view path) const {
  Match out;
  for (const auto& route : routes_) {
    auto captures = Fit(route.pattern, path);
    if (!captures) {
      continue;
    }
    if (route.method == method) {
      return {&route, std::move(*captures), ""};
    }
    if (!out.allow.contains(route.method)) {
      out.allow += (out.allow.empty() ? "" : ", ") + route.method;
    }
  }
  if (out.allow.empty() && !fallback_.empty()) {
    if (method == "GET") {
      out.route = &fallback_.front();
    } else {
      out.allow = "GET";
    }
  }
  return out;
}

}  // namespace api
