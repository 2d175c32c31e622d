// Connection: one client's requests, read, checked, answered, one after another (inside the
// server).
#pragma once

#include <atomic>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <list>
#include <memory>
#include <string>

#include "api/server.h"

namespace api {

/// What all connections share; lives as long as any of them.
struct ServerShared {
  ServerOptions options;
  Router router;
  ServerStats stats;
  bool stopping = false;
  std::unique_ptr<boost::asio::ssl::context> tls;
};

/// One client. The watchdog closes its socket when the deadline passes; every wait of the
/// connection then ends with an error. It sets `gone` when the client hangs up meanwhile.
struct Connection {
  using Socket = boost::asio::generic::stream_protocol::socket;

  explicit Connection(boost::asio::io_context& io) : socket(io) {}
  Socket socket;
  std::string peer;
  bool trusted = false;
  bool unix_socket = false;
  bool tls = false;
  bool idle = true;  ///< between requests
  base::Instant deadline = base::Instant::max();
  std::shared_ptr<std::atomic<bool>> gone;  ///< Request::gone while an answer is worked on

  void Close();
  /// Whether the other end has closed or broken the connection.
  bool HungUp();
};

/// Serves one client to its end. Never throws but for cancellation.
loop::Task<> ServeConnection(std::shared_ptr<ServerShared> shared,
                             std::shared_ptr<Connection> connection);

}  // namespace api
