// URLs: where one leads, and text inside one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace base {

/// Where a URL leads.
struct Site {
  std::string host;  ///< an IPv6 address without brackets
  std::string port;
  bool literal = false;  ///< an address, not a name

  /// "host:port", an IPv6 address in brackets: what Prometheus has for the label instance.
  [[nodiscard]] std::string ToString() const;
};

/// Host and port (that of the scheme when none is written) of an http or https URL; nullopt when it
/// is none (RFC 3986).
std::optional<Site> SiteOf(std::string_view url);

/// `text` with everything but unreserved characters as %XX (RFC 3986, 2.3).
std::string UrlEncode(std::string_view text);

}  // namespace base
