// Checks of words that several rooms read: names, host names, addresses, URLs. Each returns what is
// wrong as a sentence, or "" when all is well.
#pragma once

#include <string>
#include <string_view>

namespace config {

/// Names of targets, probes, credentials: 1 to 63 of [A-Za-z0-9_.-], not beginning with '-' or '.'.
std::string CheckName(std::string_view name);
/// A host name (RFC 1123: labels of 1 to 63 letters, digits, '-', '_'; 253 in all), an IPv4 address
/// in four decimal parts, or an IPv6 address (RFC 4291, with a zone after '%' if wanted, without
/// brackets).
std::string CheckHost(std::string_view host);
/// http:// or https:// with a host, without user and password, RFC 3986. At most 2,048 bytes.
std::string CheckUrl(std::string_view url);
/// "host:port" with port 1 to 65535 (0 too with `any_port`), IPv6 in brackets.
std::string CheckHostPort(std::string_view text, bool any_port = false);
/// Whether a "host:port" is reached from this machine only: 127.0.0.0/8, [::1], localhost.
bool IsLoopback(std::string_view host_port);

}  // namespace config
