// Web: what the kinds that send HTTP requests share: where a URL leads, and its address pinned.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <vector>

namespace probe {

/// Where a URL leads.
struct Place {
  std::string host;
  std::string port;
  bool literal = false;  ///< an address, not a name

  /// "host:port", an IPv6 address in brackets.
  [[nodiscard]] std::string ToString() const;
};

/// Host and port of an http or https URL; nullopt when it is none.
std::optional<Place> PlaceOf(const std::string& url);

/// curl's form of a name already looked up (loop::HttpRequest::resolve).
std::string Pin(const Place& place, const std::vector<boost::asio::ip::address>& addresses);

}  // namespace probe
