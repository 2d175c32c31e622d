// Requests with credentials.
#include "remote/endpoint.h"

namespace remote {

loop::HttpRequest RequestTo(const Endpoint& endpoint, std::string method, const std::string& path) {
  loop::HttpRequest out;
  out.method = std::move(method);
  out.url = endpoint.url;
  if (!path.empty()) {
    while (out.url.ends_with('/')) {
      out.url.pop_back();
    }
    out.url += path;
  }
  out.timeout = endpoint.timeout;
  out.verify_tls = endpoint.verify_tls;
  out.ca_file = endpoint.ca_file;
  out.user = endpoint.user;
  out.password = endpoint.password.Reveal();
  out.headers = {{"User-Agent", "raksa"}};
  if (!endpoint.bearer.empty()) {
    out.headers.emplace_back("Authorization", "Bearer " + endpoint.bearer.Reveal());
  }
  out.headers.insert(out.headers.end(), endpoint.headers.begin(), endpoint.headers.end());
  return out;
}

std::string ShownUrl(const std::string& url) {
  const auto begin = url.find("://");
  const auto host = begin == std::string::npos ? 0 : begin + 3;
  const auto end = url.find_first_of("?#", host);
  const auto at = url.substr(0, url.find('/', host)).rfind('@');
  const auto from = at == std::string::npos || at < host ? host : at + 1;
  return url.substr(0, host) + url.substr(from, end == std::string::npos ? end : end - from);
}

}  // namespace remote
