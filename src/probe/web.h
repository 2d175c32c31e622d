// Web: what the kinds that send HTTP requests share.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/url.h"
#include "loop/http_client.h"
#include "model/kind.h"

namespace probe {

/// curl's form of a name already looked up (loop::HttpRequest::resolve).
std::string Pin(const base::Site& site, const std::vector<boost::asio::ip::address>& addresses);

/// The options that say how to ask and whom to trust. `verify`: what verify is about.
std::vector<model::OptionSpec> WebOptions(std::string_view verify);
/// Puts what they say into a request: headers, account, trust, IP version.
void SetWebOptions(const model::Options& options, loop::HttpRequest* request);

}  // namespace probe
