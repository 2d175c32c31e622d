// Pinger: one ICMP socket a family for all icmp probes of a loop.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "loop/loop.h"

namespace probe::icmp {

/// One echo request on its way, and what became of it.
struct Echo {
  base::Instant sent{};
  std::optional<base::Duration> rtt;  ///< answered
  std::string error;                  ///< an ICMP error or the system's refusal; "" = none
  [[nodiscard]] bool decided() const { return rtt || !error.empty(); }
};

/// The echoes of one run. Lives in its task; takes its echoes out of the pinger when it goes.
class Round;

/// Sends echo requests and hands replies to their rounds. Datagram sockets ("ping sockets") are
/// tried first, as they need no privilege; raw sockets are the fall-back. A service of the loop's
/// io_context: made at the first use, gone with the loop.
class Pinger : public boost::asio::execution_context::service {
 public:
  using key_type = Pinger;
  static boost::asio::execution_context::id id;
  explicit Pinger(boost::asio::execution_context& context);
  ~Pinger() override;

  /// Opens the socket for that family unless it is open. Errors: kDenied with what to do about it,
  /// kUnavailable when the system has no such protocol. The value says which socket it is.
  base::Result<std::string> Open(bool v6);
  /// Sends one request of `size` payload bytes (16 at least) for echo `index` of `round`.
  void Send(const std::shared_ptr<Round>& round, std::size_t index);
  /// Echoes on their way (tests).
  [[nodiscard]] std::size_t waiting() const;

 private:
  friend class Round;
  struct Socket;
  void shutdown() override;
  void Listen(const std::shared_ptr<Socket>& socket);
  static void Receive(Socket& socket);
  static bool ReceiveError(Socket& socket);

  boost::asio::io_context& io_;
  std::shared_ptr<Socket> v4_;
  std::shared_ptr<Socket> v6_;
};

class Round {
 public:
  Round(loop::Loop& loop, boost::asio::ip::address to, std::size_t size, std::size_t packets)
      : to(std::move(to)), size(size), echoes(packets), progress(loop) {}
  ~Round();
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  const boost::asio::ip::address to;
  const std::size_t size;
  std::vector<Echo> echoes;
  loop::Event progress;  ///< notified when an echo is decided

 private:
  friend class Pinger;
  std::weak_ptr<Pinger::Socket> socket_;
  std::vector<std::uint16_t> sequences_;
};

}  // namespace probe::icmp
