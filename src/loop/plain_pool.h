// PlainPool: the plain connections that are kept between requests. Used by the plain client only.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace loop {

/// A socket, which is always read from: idle it is to be seen closing. `Job` is whose answer comes.
template <class Job>
struct PlainConnection {
  using Clock = std::chrono::steady_clock;
  /// What an idle connection has room for: the head of most answers.
  static constexpr std::size_t kFirst = 512;
  static constexpr std::size_t kBuffer = 128U << 10;
  using Buffer = std::array<char, kBuffer>;

  PlainConnection(boost::asio::io_context& io, const boost::asio::ip::tcp::endpoint& to)
      : socket(io), endpoint(to), address(to.address().to_string()) {}
  void Close() {
    boost::system::error_code ignored;
    socket.close(ignored);
  }

  boost::asio::ip::tcp::socket socket;
  boost::asio::ip::tcp::endpoint endpoint;
  std::string address;  ///< the endpoint's
  std::string site;     ///< host:port as the URL had them
  Job* job = nullptr;   ///< nullptr: idle
  bool connected = false;
  Clock::time_point idle_since;
  std::array<char, kFirst> first{};
  std::unique_ptr<Buffer> buffer;  ///< while a body comes
};

template <class Job>
class PlainPool {
 public:
  using Connection = PlainConnection<Job>;
  using Ptr = std::shared_ptr<Connection>;
  using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
  using Time = Connection::Clock::time_point;

  /// Kept connections of all peers together, and how long one is kept unused.
  static constexpr std::size_t kMax = 256;
  static constexpr auto kMaxTime = std::chrono::seconds(118);

  /// A connection to one of `endpoints` for `site`; nullptr: there is none.
  Ptr Take(const std::string& site, const Endpoints& endpoints, Time now) {
    const auto [first, last] = idle_.equal_range(site);
    for (auto at = first; at != last;) {
      const auto connection = at->second;
      const bool fresh = now - connection->idle_since <= kMaxTime;
      const bool there = std::ranges::find(endpoints, connection->endpoint) != endpoints.end();
      if (fresh && !there) {
        ++at;
        continue;
      }
      at = idle_.erase(at);
      if (fresh) {
        return connection;
      }
      connection->Close();
    }
    return nullptr;
  }

  void Put(const Ptr& connection, Time now) {
    connection->idle_since = now;
    if (idle_.size() >= kMax) {
      const auto oldest = std::ranges::min_element(
          idle_, {}, [](const auto& entry) { return entry.second->idle_since; });
      oldest->second->Close();
      idle_.erase(oldest);
    }
    idle_.emplace(connection->site, connection);
  }

  /// Closes one that is idle.
  void Forget(const Ptr& connection) {
    const auto [first, last] = idle_.equal_range(connection->site);
    const auto at =
        std::find_if(first, last, [&](const auto& entry) { return entry.second == connection; });
    if (at != last) {
      idle_.erase(at);
    }
    connection->Close();
  }

  void Clear() {
    for (const auto& [site, connection] : std::exchange(idle_, {})) {
      connection->Close();
    }
  }

 private:
  std::multimap<std::string, Ptr> idle_;  ///< by site
};

}  // namespace loop
