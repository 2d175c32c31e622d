// Server: HTTP/1.1 on several addresses, one loop, bounded in everything.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/auth.h"
#include "api/router.h"
#include "base/result.h"
#include "loop/loop.h"

namespace api {

/// Where to listen, who may ask, and the bounds.
struct ServerOptions {
  /// "127.0.0.1:8001", "[::1]:8001", "localhost:8001" (127.0.0.1), ":8001" (every address),
  /// "unix:/path" (mode 660). Port 0 takes a free one.
  std::vector<std::string> listen;
  Auth auth;
  std::string tls_cert_file;  ///< PEM chain; "" = no TLS. Not used on unix sockets.
  std::string tls_key_file;
  std::size_t max_connections = 512;
  std::size_t max_header = 16 * 1024;
  std::size_t max_body = 8 * 1024 * 1024;
  base::Duration idle_time = std::chrono::seconds(75);  ///< between requests
  base::Duration header_time =
      std::chrono::seconds(10);  ///< from the first byte to the last header
  base::Duration body_time = std::chrono::seconds(30);
  base::Duration write_time = std::chrono::seconds(30);  ///< for each 64 KiB of an answer
};

/// Figures of the server for /metrics and status.
struct ServerStats {
  std::size_t connections = 0;      ///< open now
  std::uint64_t accepted = 0;       ///< since the start
  std::uint64_t refused = 0;        ///< turned away because max_connections were open
  std::uint64_t timeouts = 0;       ///< closed because a deadline passed
  std::uint64_t responses[6] = {};  ///< by hundred: [2] = 2xx …
  std::uint64_t errors = 0;         ///< requests that were no HTTP
};

/// The HTTP server. Belongs to the loop's thread.
class Server {
 public:
  Server(loop::Loop& loop, ServerOptions options, Router router);
  /// Closes everything at once; call Stop first, and await it.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds and listens on every address, or on none. Errors: kInvalid (an address, a certificate),
  /// kRefused (an address that is not loopback's while there are no tokens), kUnavailable (in use,
  /// not permitted).
  base::Result<> Start();
  /// The addresses as bound, with their ports: "127.0.0.1:8001", "unix:/path".
  [[nodiscard]] std::vector<std::string> addresses() const;
  /// Takes other tokens and host names from now on (a reload); sessions of tokens that are gone
  /// end.
  void SetAuth(Auth auth);
  [[nodiscard]] ServerStats stats() const;
  /// Stops listening, lets running requests end for at most `grace`, then closes the rest.
  loop::Task<> Stop(base::Duration grace = std::chrono::seconds(3));

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace api
