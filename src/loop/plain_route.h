// PlainRoute: which requests need nothing of libcurl, where they go and what is sent. Used by the
// HTTP client only.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <vector>

#include "loop/http_client.h"

namespace loop {

struct PlainRoute {
  std::string site;                                       ///< host:port as the URL has them
  std::vector<boost::asio::ip::tcp::endpoint> endpoints;  ///< at least one, in order of preference
  std::string head;                                       ///< the whole request
};

/// What HttpClient::Plan works out.
struct HttpPlan {
  HttpRequest request;  ///< without on_body
  std::string faults;   ///< why it cannot be sent; "" = it can
  std::optional<PlainRoute> route;
};

/// The route of a GET over http whose address is known; nullopt: it is libcurl's to carry out, as
/// everything that asks for more or is written in an unusual way.
std::optional<PlainRoute> PlainRouteOf(const HttpRequest& request);

}  // namespace loop
