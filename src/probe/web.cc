// URLs and pinned addresses.
#include "probe/web.h"

#include <boost/url/parse.hpp>

namespace probe {

std::string Place::ToString() const {
  return (literal && host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" + port;
}

std::optional<Place> PlaceOf(const std::string& text) {
  const auto url = boost::urls::parse_uri(text);
  if (!url || url->host().empty() || (url->scheme() != "http" && url->scheme() != "https")) {
    return std::nullopt;
  }
  Place out;
  out.host = url->host_address();
  out.port = url->has_port() && !url->port().empty() ? std::string(url->port())
             : url->scheme() == "https"              ? "443"
                                                     : "80";
  out.literal = url->host_type() != boost::urls::host_type::name;
  return out;
}

std::string Pin(const Place& place, const std::vector<boost::asio::ip::address>& addresses) {
  std::string out = place.host + ":" + place.port + ":";
  for (std::size_t i = 0; i < addresses.size() && i < 8; ++i) {
    const auto text = addresses[i].to_string();
    out += (i > 0 ? "," : "") + (addresses[i].is_v6() ? "[" + text + "]" : text);
  }
  return out;
}

}  // namespace probe
