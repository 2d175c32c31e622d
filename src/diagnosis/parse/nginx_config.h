// What `nginx -T` says of the site that answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace diagnosis::parse {

/// Bound for the output of `nginx -T`.
inline constexpr std::size_t kNginxDump = 4 << 20;

/// Where a site hands requests on to.
struct Upstream {
  std::string scheme;   ///< "http", "https", "fastcgi", "uwsgi", "scgi", "grpc", "memcached"
  std::string address;  ///< "127.0.0.1:8080", "unix:/run/app.sock", "app:8080"; no variables in it
  bool operator==(const Upstream&) const = default;
};

/// The site that a request reaches: where its front page comes from, and whom it asks.
struct Site {
  std::string user;                ///< of the workers: "www-data"
  std::string root;                ///< "" = none is set
  std::vector<std::string> index;  ///< in order; nginx's own default is index.html
  bool passes_on = false;  ///< `/` is handed to another server (proxy_pass, fastcgi_pass, return …)
  bool tries_files = false;         ///< `/` has try_files: a missing index is no fault by itself
  std::vector<Upstream> upstreams;  ///< of all its locations, in order, at most 16
  std::string certificate;          ///< file of `ssl_certificate`; "" = none
  std::string error_log;            ///< file; "" = none named (nginx's own default)
  bool name_fits = false;           ///< picked by server_name, not as the default
};

/// Reads the whole configuration as `nginx -T` prints it (ngx_conf_file.c: words, quotes, `;`, `{`,
/// `}`, `#`) and picks the server that nginx picks for a request to `host` at `port`: of those that
/// listen there by server_name (exact, `*.`, `.*`), else default_server, else the first; of all
/// servers, when none listens there. Errors: kInvalid when braces or quotes do not match, it is
/// nested deeper than 32 blocks, or there is no server.
base::Result<Site> ReadSite(std::string_view text, std::string_view host, std::uint16_t port = 80);

/// Every TCP port that a server of the configuration listens on; none when it cannot be read.
std::vector<std::uint16_t> ListenPorts(std::string_view text);

}  // namespace diagnosis::parse
