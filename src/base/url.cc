// URLs by Boost.URL.
#include "base/url.h"

#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

namespace base {

std::string Site::ToString() const {
  return (literal && host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" + port;
}

std::optional<Site> SiteOf(std::string_view text) {
  const auto url = boost::urls::parse_uri(text);
  if (!url || url->host().empty() || (url->scheme() != "http" && url->scheme() != "https")) {
    return std::nullopt;
  }
  Site out;
  out.host = url->host_address();
  out.port = url->has_port() && !url->port().empty() ? std::string(url->port())
             : url->scheme() == "https"              ? "443"
                                                     : "80";
  out.literal = url->host_type() != boost::urls::host_type::name;
  return out;
}

std::string UrlEncode(std::string_view text) {
  return boost::urls::encode(text, boost::urls::unreserved_chars);
}

}  // namespace base
