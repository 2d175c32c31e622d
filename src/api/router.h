// Router: which handler answers a method and a path, and what role it asks for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"

namespace api {

/// What a route demands of its asker.
enum class Needs {
  kNothing,  ///< open to all (health, the page's files)
  kLogin,    ///< open to all, but not from other sites; JSON body (logging in and out)
  kRead,
  kAlert,    ///< posts alerts: role alert or operate; any content type
  kPush,     ///< pushes samples: role push or operate; any content type
  kOperate,  ///< changes something: role operate, same origin, JSON body
};

/// One route. In the pattern `*` stands for one path segment ("/api/v1/label/*/values"); a last
/// `**` for the whole rest.
struct Route {
  std::string method;
  std::string pattern;
  Needs needs = Needs::kRead;
  Handler handler;
  bool snappy = false;  ///< the handler unpacks bodies with Content-Encoding: snappy
};

/// Routes in the order given; the first that fits answers. What no route fits goes to the fallback
/// (GET, open to all), when there is one.
class Router {
 public:
  /// The route may be told more before the next one is added.
  Route& Add(std::string method, std::string pattern, Needs needs, Handler handler);

  /// The handler of every other path (the page).
  void SetFallback(Handler handler);

  struct Match {
    const Route* route = nullptr;
    std::vector<std::string> captures;
    std::string allow;  ///< when only the method does not fit: "GET, POST"
  };
  /// Every route, the fallback not among them.
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }
  /// Finds the route of a method and a decoded path.
  [[nodiscard]] Match Find(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> routes_;
  std::vector<Route> fallback_;
};

}  // namespace api
