// Names, host names, addresses and URLs.
#include "config/check.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/text.h"
#include "config/state.h"

namespace config {
namespace {

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string CheckIpv6(std::string_view host) {
  const auto zone = host.find('%');
  if (zone != std::string_view::npos) {
    const auto name = host.substr(zone + 1);
    if (name.empty() || name.size() > 15 || !std::ranges::all_of(name, [](char c) {
          return IsAlnum(c) || c == '-' || c == '_' || c == '.';
        })) {
      return fmt::format("{} has no interface after its '%'", Quoted(host));
    }
  }
  in6_addr out{};
  const std::string address(host.substr(0, zone));
  return inet_pton(AF_INET6, address.c_str(), &out) == 1
             ? ""
             : fmt::format("{} is no IPv6 address", Quoted(host));
}

/// A port, or -1.
int Port(std::string_view text) {
  int port = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return IsDigits(text) && error == std::errc() && port <= 65535 ? port : -1;
}

/// Whether a path with query and fragment holds only what RFC 3986 allows, each % with two
/// hexadecimal digits. (boost::urls 1.81 cannot be asked: an assertion of its own fails on "a:}".)
bool AllUrlCharacters(std::string_view text) {
  constexpr std::string_view kOthers = "-._~:/?@!$&'()*+,;=";
  const auto hex = [&](std::size_t at) {
    return at < text.size() && std::isxdigit(static_cast<unsigned char>(text[at])) != 0;
  };
  bool fragment = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && hex(i + 1) && hex(i + 2)) {
      i += 2;
    } else if (text[i] == '#' && !fragment) {
      fragment = true;
    } else if (!IsAlnum(text[i]) && !kOthers.contains(text[i])) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string CheckName(std::string_view name) {
  if (name.empty() || name.size() > 63) {
    return fmt::format("the name {} is not 1 to 63 characters long", Quoted(name));
  }
  if (!IsAlnum(name[0]) && name[0] != '_') {
    return fmt::format("the name {} does not begin with a letter, a digit or '_'", Quoted(name));
  }
  const auto good = [](char c) { return IsAlnum(c) || c == '_' || c == '.' || c == '-'; };
  return std::ranges::all_of(name, good)
             ? ""
             : fmt::format("the name {} holds more than letters, digits, '_', '.' and '-'",
                           Quoted(name));
}

std::string CheckHost(std::string_view host) {
  if (host.empty() || host.size() > 253) {
    return "a host name is 1 to 253 characters long";
  }
  if (host.starts_with('[')) {
    return "an IPv6 address stands without brackets here";
  }
  if (host.contains("://") || host.contains('/')) {
    return fmt::format("{} is no host name but looks like a URL or a network", Quoted(host));
  }
  if (std::ranges::count(host, ':') == 1) {
    return fmt::format("{} is a host with a port; only the host belongs here", Quoted(host));
  }
  if (host.contains(':')) {
    return CheckIpv6(host);
  }
  const auto parts = base::Split(host.ends_with('.') ? host.substr(0, host.size() - 1) : host, '.');
  if (std::ranges::all_of(parts, IsDigits)) {
    in_addr out{};
    return inet_pton(AF_INET, std::string(host).c_str(), &out) == 1
               ? ""
               : fmt::format("{} is no IPv4 address", Quoted(host));
  }
  for (const auto part : parts) {
    const auto good = [](char c) { return IsAlnum(c) || c == '-' || c == '_'; };
    if (part.empty() || part.size() > 63 || part.front() == '-' || part.back() == '-' ||
        !std::ranges::all_of(part, good)) {
      return fmt::format("{} is no host name", Quoted(host));
    }
  }
  return "";
}

std::string CheckUrl(std::string_view url) {
  if (url.size() > 2048) {
    return "a URL of more than 2048 characters";
  }
  std::string_view rest = url;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else {
    return fmt::format("{} does not begin with http:// or https://", Quoted(url));
  }
  const auto authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.contains('@')) {
    return "a URL with a user or password in it; secrets belong in files";
  }
  if (!AllUrlCharacters(rest.substr(authority.size()))) {
    return fmt::format("{} is no URL", Quoted(url));
  }
  const bool ipv6 = authority.starts_with('[');
  const auto colon = ipv6 ? authority.find(':', authority.find(']')) : authority.find(':');
  const auto host = authority.substr(0, colon);
  if (host.empty()) {
    return fmt::format("{} names no host", Quoted(url));
  }
  if (colon != std::string_view::npos && Port(authority.substr(colon + 1)) < 1) {
    return fmt::format("{} has no port of 1 to 65535", Quoted(url));
  }
  if (!ipv6) {
    return CheckHost(host);
  }
  return host.ends_with(']') ? CheckIpv6(host.substr(1, host.size() - 2))
                             : fmt::format("{} is no URL", Quoted(url));
}

std::string CheckHostPort(std::string_view text, bool any_port) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fmt::format("{} lacks its port", Quoted(text));
  }
  std::string_view host = text.substr(0, colon);
  if (Port(text.substr(colon + 1)) < (any_port ? 0 : 1)) {
    return fmt::format("{} has no port of 1 to 65535", Quoted(text));
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    return CheckIpv6(host.substr(1, host.size() - 2));
  }
  if (host.contains(':')) {
    return fmt::format("{}: an IPv6 address needs brackets before its port", Quoted(text));
  }
  return CheckHost(host);
}

bool IsLoopback(std::string_view host_port) {
  const auto host = host_port.substr(0, host_port.rfind(':'));
  in_addr four{};
  if (inet_pton(AF_INET, std::string(host).c_str(), &four) == 1) {
    return (ntohl(four.s_addr) >> 24U) == 127;
  }
  return host == "localhost" || host == "[::1]";
}

}  // namespace config
