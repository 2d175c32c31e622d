// Endpoint: another store's address and what it wants to see of us.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "loop/http_client.h"

namespace remote {

/// Where and as whom.
struct Endpoint {
  std::string url;                                           ///< http or https
  std::vector<std::pair<std::string, std::string>> headers;  ///< checked
  base::Secret bearer;
  std::string user;  ///< basic authentication; "" = none
  base::Secret password;
  std::string ca_file;  ///< "" = the system's
  bool verify_tls = true;
  base::Duration timeout = std::chrono::seconds(30);
  bool operator==(const Endpoint&) const = default;
};

/// A request to it, with credentials; `path` is put behind its URL.
loop::HttpRequest RequestTo(const Endpoint& endpoint, std::string method, const std::string& path);

/// The URL without what may be secret (user, query), for logs and errors.
std::string ShownUrl(const std::string& url);

}  // namespace remote
