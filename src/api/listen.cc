// Listen addresses: parsing, binding, stale unix sockets.
#include "api/listen.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/v6_only.hpp>
#include <charconv>

namespace api {
namespace asio = boost::asio;
using asio::ip::tcp;
using asio::local::stream_protocol;
using boost::system::error_code;

base::Result<ListenAddress> ParseListen(const std::string& text) {
  auto bad = [&](const std::string& why) {
    return base::Fail(base::ErrorKind::kInvalid, "listen \"" + text + "\": " + why);
  };
  ListenAddress out;
  if (text.starts_with("unix:")) {
    out.unix_path = text.substr(5);
    if (!out.unix_path.starts_with('/') || out.unix_path.size() > 107) {
      return bad("expected unix:/absolute/path of at most 107 bytes");
    }
    return out;
  }
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) {
    return bad("expected address:port or unix:/path");
  }
  std::string host = text.substr(0, colon);
  const std::string_view digits = std::string_view(text).substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) {
    return bad("the port has to be a number from 0 to 65535");
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return bad("an IPv6 address has to stand in brackets: [::1]:8001");
  }
  if (host.empty() || host == "*") {
    out.every = true;
    host = "::";
  } else if (host == "localhost") {
    host = "127.0.0.1";
  }
  error_code ec;
  const auto address = asio::ip::make_address(host, ec);
  if (ec) {
    return bad("expected an IP address, localhost, or nothing for every address");
  }
  out.tcp = tcp::endpoint(address, port);
  return out;
}

base::Result<tcp::acceptor> ListenTcp(asio::io_context& io, const ListenAddress& address) {
  tcp::acceptor acceptor(io);
  error_code ec;
  auto endpoint = address.tcp;
  acceptor.open(endpoint.protocol(), ec);
  if (ec && address.every) {
    endpoint = tcp::endpoint(asio::ip::address_v4::any(), endpoint.port());
    acceptor.open(endpoint.protocol(), ec);
  }
  if (!ec) {
    acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  }
  if (!ec && endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(!address.every), ec);
  }
  if (!ec) {
    acceptor.bind(endpoint, ec);
  }
  if (!ec) {
    acceptor.listen(asio::socket_base::max_listen_connections, ec);
  }
  if (ec) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      "listen " + ToString(endpoint) + ": " + ec.message());
  }
  return acceptor;
}

base::Result<stream_protocol::acceptor> ListenUnix(asio::io_context& io, const std::string& path) {
  auto bad = [&](const std::string& why) {
    return base::Fail(base::ErrorKind::kUnavailable, "listen unix:" + path + ": " + why);
  };
  struct stat info{};
  error_code ec;
  const stream_protocol::endpoint endpoint(path);
  if (::lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) {
      return bad("exists and is no socket");
    }
    stream_protocol::socket probe(io);
    probe.connect(endpoint, ec);
    if (!ec) {
      return bad("another process listens there");
    }
    ::unlink(path.c_str());
  }
  ec.clear();
  stream_protocol::acceptor acceptor(io);
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) {
    acceptor.bind(endpoint, ec);
  }
  // Between bind and listen nobody can connect, so the mode is right before the first client.
  if (!ec && ::chmod(path.c_str(), S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP) != 0) {
    ec.assign(errno, boost::system::system_category());
  }
  if (!ec) {
    acceptor.listen(asio::socket_base::max_listen_connections, ec);
  }
  if (ec) {
    return bad(ec.message());
  }
  return acceptor;
}

std::string ToString(const tcp::endpoint& endpoint) {
  const auto host = endpoint.address().to_string();
  const auto port = ":" + std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + host + "]" + port : host + port;
}

}  // namespace api
