// A strict look at a request: what is not plainly plain is libcurl's.
#include "loop/plain_route.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace loop {
namespace {

using Endpoint = boost::asio::ip::tcp::endpoint;

constexpr std::string_view kScheme = "http://";
constexpr std::size_t kMaxHead = 8U << 10;

/// Headers that change how a request or its answer is framed, or that libcurl sets itself.
constexpr std::string_view kFraming[] = {
    "host",   "connection", "content-length",   "transfer-encoding",   "te",    "accept-encoding",
    "expect", "upgrade",    "proxy-connection", "proxy-authorization", "cookie"};

/// A URL's parts as they are written.
struct Parts {
  std::string_view host;  ///< an IPv6 address without brackets
  std::uint16_t port = 80;
  bool brackets = false;
  std::string_view path;  ///< with the query; "" = "/"
};

bool IsHostChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

/// Host and port, nothing else.
bool SplitAuthority(std::string_view text, Parts* out) {
  std::size_t end = text.find(':');
  out->brackets = text.starts_with('[');
  if (out->brackets) {
    const auto bracket = text.find(']');
    if (bracket == std::string_view::npos) {
      return false;
    }
    out->host = text.substr(1, bracket - 1);
    end = bracket + 1;
  } else {
    out->host = text.substr(0, end);
    if (out->host.empty() || !std::ranges::all_of(out->host, IsHostChar)) {
      return false;
    }
  }
  const auto rest = end < text.size() ? text.substr(end) : std::string_view();
  if (rest.empty()) {
    return true;
  }
  const auto [stop, ec] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), out->port);
  return rest[0] == ':' && ec == std::errc() && stop == rest.data() + rest.size() && out->port > 0;
}

std::optional<Parts> Split(std::string_view url) {
  if (!url.starts_with(kScheme)) {
    return std::nullopt;
  }
  url.remove_prefix(kScheme.size());
  const auto slash = std::min(url.find_first_of("/?"), url.size());
  Parts out;
  out.path = url.substr(slash);
  const bool plain = std::ranges::all_of(out.path, [](char c) {
    return c > ' ' && c <= '~' && c != '#' && c != '"' && c != '<' && c != '>' && c != '\\';
  });
  // Dots are steps in the path, which somebody would have to take.
  if (!plain || out.path.starts_with('?') || out.path.contains("/.") ||
      !SplitAuthority(url.substr(0, slash), &out)) {
    return std::nullopt;
  }
  return out;
}

/// The addresses of a pin "host:port:address,[address]", as far as they are of that version.
std::vector<Endpoint> Pinned(std::string_view pin, const std::string& site, std::uint16_t port,
                             int version) {
  std::vector<Endpoint> out;
  if (!pin.starts_with(site + ":")) {
    return out;
  }
  for (auto text : base::Split(pin.substr(site.size() + 1), ',')) {
    if (text.starts_with('[') && text.ends_with(']')) {
      text = text.substr(1, text.size() - 2);
    }
    boost::system::error_code ec;
    const auto address = boost::asio::ip::make_address(std::string(text), ec);
    if (ec) {
      return {};
    }
    if (version == 0 || (version == 4) == address.is_v4()) {
      out.emplace_back(address, port);
    }
  }
  return out;
}

std::vector<Endpoint> EndpointsOf(const HttpRequest& request, const Parts& parts,
                                  const std::string& site) {
  if (!request.resolve.empty()) {
    return request.resolve.size() == 1 && !parts.brackets
               ? Pinned(request.resolve.front(), site, parts.port, request.ip_version)
               : std::vector<Endpoint>();
  }
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(std::string(parts.host), ec);
  const bool good = !ec && address.is_v6() == parts.brackets && !parts.host.contains('%') &&
                    (request.ip_version == 0 || (request.ip_version == 4) == address.is_v4());
  return good ? std::vector<Endpoint>{{address, parts.port}} : std::vector<Endpoint>();
}

std::string Base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                  reinterpret_cast<const unsigned char*>(text.data()),
                  static_cast<int>(text.size()));
  out.pop_back();
  return out;
}

}  // namespace

std::optional<PlainRoute> PlainRouteOf(const HttpRequest& request) {
  const bool plain = request.method == "GET" && request.body.empty() && !request.fresh &&
                     request.unix_socket.empty() && request.interface_name.empty();
  const auto parts = plain ? Split(request.url) : std::nullopt;
  if (!parts) {
    return std::nullopt;
  }
  PlainRoute out;
  const std::string host =
      parts->brackets ? "[" + std::string(parts->host) + "]" : std::string(parts->host);
  out.site = host + ":" + std::to_string(parts->port);
  out.endpoints = EndpointsOf(request, *parts, out.site);
  bool agent = false;
  bool accept = false;
  bool authorization = false;
  std::string lines;
  for (const auto& [name, value] : request.headers) {
    const auto lower = base::LowerCase(name);
    if (std::ranges::find(kFraming, lower) != std::end(kFraming)) {
      return std::nullopt;
    }
    agent = agent || lower == "user-agent";
    accept = accept || lower == "accept";
    authorization = authorization || lower == "authorization";
    lines.append(name).append(value.empty() ? ":" : ": ").append(value).append("\r\n");
  }
  const bool login = !request.user.empty();
  if (out.endpoints.empty() || (login && authorization)) {
    return std::nullopt;
  }
  out.head.reserve(256 + parts->path.size() + lines.size());
  out.head.append("GET ").append(parts->path.empty() ? "/" : parts->path).append(" HTTP/1.1\r\n");
  out.head.append("Host: ").append(parts->port == 80 ? host : out.site).append("\r\n");
  if (login) {
    out.head.append("Authorization: Basic ");
    out.head.append(Base64(request.user + ":" + request.password)).append("\r\n");
  }
  out.head.append(agent ? "" : "User-Agent: raksa\r\n");
  out.head.append(accept ? "" : "Accept: */*\r\n");
  out.head.append("Accept-Encoding: gzip\r\n").append(lines).append("\r\n");
  return out.head.size() <= kMaxHead ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace loop
