// What several kinds of probe do alike: the `ip_version` option, looking up an address, rounding.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "probe/kind.h"

namespace probe {

/// The option `ip_version`: "any", "4" or "6".
model::OptionSpec IpVersionOption();
/// 0, 4 or 6 of that option.
int IpVersion(const model::Options& options);

/// Addresses of `host` of that version (0 = any), never empty; without blocking, at most `limit`.
/// Errors: those of loop::Resolver, kNotFound when none is of that version.
loop::Task<base::Result<std::vector<boost::asio::ip::address>>> LookUp(World world,
                                                                       std::string host,
                                                                       int ip_version,
                                                                       base::Duration limit);

/// Seconds in whole microseconds: finer digits are noise that costs disk.
double RoundSeconds(double seconds);
double RoundSeconds(base::Duration span);

/// "1s" or "250ms" for a sentence such as "no answer within 1s".
std::string Within(base::Duration timeout);

/// The reason of a system error in the field's words: "connection refused", "host unreachable".
std::string Reason(const boost::system::error_code& ec);

/// Ends an outcome: sets `took` from `begin` and makes the reason printable and bounded.
Outcome Finish(Outcome outcome, base::Instant begin);

}  // namespace probe
