// What `nginx -T` says of the site that answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace diagnosis::parse {

/// Where nginx takes the front page from.
struct Site {
  std::string user;                ///< of the workers: "www-data"
  std::string root;                ///< "" = none is set
  std::vector<std::string> index;  ///< in order; nginx's own default is index.html
  bool passes_on = false;  ///< `/` is handed to another server (proxy_pass, fastcgi_pass, return …)
  bool tries_files = false;  ///< `/` has try_files: a missing index is no fault by itself
};

/// Reads the whole configuration as `nginx -T` prints it (ngx_conf_file.c: words, quotes, `;`, `{`,
/// `}`, `#`) and picks the server of port 80 or 443 for `host`: by server_name, else
/// default_server, else the first. Errors: kInvalid when braces or quotes do not match, it is
/// nested deeper than 32 blocks, or there is no server.
base::Result<Site> ReadSite(std::string_view text, std::string_view host);

}  // namespace diagnosis::parse
