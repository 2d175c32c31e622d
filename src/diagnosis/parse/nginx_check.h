// What `nginx -t` or `-T` says of a configuration.
#pragma once

#include <string>
#include <string_view>

namespace diagnosis::parse {

/// The result of a test.
struct NginxCheck {
  bool failed = false;
  std::string line;        ///< nginx's own words, printable, at most 300 bytes
  std::string_view cause;  ///< the cause that they prove; "" when it did not fail
};

/// Reads what nginx printed (ngx_log_error: "nginx: [emerg] …"; the last [emerg] decides).
NginxCheck ReadNginxCheck(std::string_view text);

}  // namespace diagnosis::parse
