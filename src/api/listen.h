// Listen addresses: text to endpoint, sockets bound with the right modes.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <optional>
#include <string>

#include "base/result.h"

namespace api {

/// One address to listen on.
struct ListenAddress {
  std::string unix_path;  ///< "" = TCP
  boost::asio::ip::tcp::endpoint tcp;
  bool every = false;  ///< IPv6 wildcard that takes IPv4 too
  /// Whether only this machine can connect.
  [[nodiscard]] bool Local() const { return !unix_path.empty() || tcp.address().is_loopback(); }
};

/// Reads "host:port", ":port" or "unix:/path". Errors: kInvalid with what is wrong.
base::Result<ListenAddress> ParseListen(const std::string& text);

/// Makes a listening TCP acceptor. Errors: kUnavailable with the system's reason.
base::Result<boost::asio::ip::tcp::acceptor> ListenTcp(boost::asio::io_context& io,
                                                       const ListenAddress& address);
/// Makes a listening unix socket, mode 660; a socket that nobody listens on any more is removed
/// first. Errors: kUnavailable when another process listens, or the path is no socket.
base::Result<boost::asio::local::stream_protocol::acceptor> ListenUnix(boost::asio::io_context& io,
                                                                       const std::string& path);
/// "127.0.0.1:8001", "[::1]:8001".
std::string ToString(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace api
