// Server: listeners, the watchdog that closes what is too slow, a graceful end.
#include "api/server.h"

#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <list>

#include "api/connection.h"
#include "api/listen.h"
#include "api/session.h"
#include "base/log.h"

namespace api {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\n"
    "Retry-After: 5\r\nConnection: close\r\n\r\ntoo many connections\n";

base::Result<std::unique_ptr<asio::ssl::context>> MakeTls(const ServerOptions& options) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                       asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                       asio::ssl::context::no_tlsv1_1);
  error_code ec;
  context->use_certificate_chain_file(options.tls_cert_file, ec);
  if (ec) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "TLS certificate " + options.tls_cert_file + ": " + ec.message());
  }
  context->use_private_key_file(options.tls_key_file, asio::ssl::context::pem, ec);
  if (ec) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "TLS key " + options.tls_key_file + ": " + ec.message());
  }
  return context;
}

}  // namespace

struct Server::State {
  State(loop::Loop& l, ServerOptions options, Router router)
      : loop(l),
        shared(std::make_shared<ServerShared>()),
        scope(l),
        listeners(l),
        came(l),
        gone(l) {
    shared->options = std::move(options);
    shared->router = std::move(router);
    if (shared->options.auth.sessions) {
      shared->options.auth.sessions->SetTokens(shared->options.auth.tokens);
    }
  }

  loop::Loop& loop;
  std::shared_ptr<ServerShared> shared;
  loop::Scope scope;      // connections and the watchdog
  loop::Scope listeners;  // accept loops
  loop::Event came;       // a connection began
  loop::Event gone;       // a connection ended
  std::list<std::shared_ptr<Connection>> connections;
  std::vector<std::shared_ptr<asio::ip::tcp::acceptor>> tcp;
  std::vector<std::shared_ptr<asio::local::stream_protocol::acceptor>> unix_sockets;
  std::vector<std::string> unix_paths;
  std::vector<std::string> addresses;

  /// Takes one accepted client in, or turns it away.
  void Take(std::shared_ptr<Connection> connection);
  void CloseLongestIdle();
  static loop::Task<> Serve(State* state, std::shared_ptr<Connection> connection);
  static loop::Task<> Watch(State* state);
  template <class Acceptor>
  static loop::Task<> Accept(State* state, std::shared_ptr<Acceptor> acceptor, bool trusted);
};

void Server::State::CloseLongestIdle() {
  std::shared_ptr<Connection> longest;
  for (const auto& connection : connections) {
    if (connection->idle && (!longest || connection->deadline < longest->deadline)) {
      longest = connection;
    }
  }
  if (longest) {
    longest->Close();
    connections.remove(longest);
  }
}

void Server::State::Take(std::shared_ptr<Connection> connection) {
  ++shared->stats.accepted;
  if (connections.size() >= shared->options.max_connections) {
    CloseLongestIdle();
  }
  if (connections.size() >= shared->options.max_connections) {
    ++shared->stats.refused;
    error_code ec;
    connection->socket.non_blocking(true, ec);
    if (!connection->tls) {
      connection->socket.write_some(asio::buffer(kFull), ec);
    }
    connection->Close();
    return;
  }
  connections.push_back(connection);
  came.Notify();
  scope.Spawn("http connection", Serve(this, std::move(connection)));
}

loop::Task<> Server::State::Serve(State* state, std::shared_ptr<Connection> connection) {
  co_await ServeConnection(state->shared, connection);
  state->connections.remove(connection);
  state->gone.Notify();
}

loop::Task<> Server::State::Watch(State* state) {
  const auto& options = state->shared->options;
  const auto shortest = std::min({options.idle_time, options.header_time, options.body_time,
                                  options.write_time, base::Duration(std::chrono::seconds(2))});
  while (true) {
    while (state->connections.empty()) {
      co_await state->came.Wait();
    }
    co_await loop::Sleep(shortest / 4);
    const auto now = base::Clock::Steady();
    for (const auto& connection : state->connections) {
      if (connection->deadline < now) {
        ++state->shared->stats.timeouts;
        connection->deadline = base::Instant::max();
        connection->Close();
      } else if (connection->gone && connection->HungUp()) {
        connection->gone->store(true);
      }
    }
  }
}

template <class Acceptor>
loop::Task<> Server::State::Accept(State* state, std::shared_ptr<Acceptor> acceptor, bool trusted) {
  constexpr bool kUnix = std::is_same_v<Acceptor, asio::local::stream_protocol::acceptor>;
  while (true) {
    auto connection = std::make_shared<Connection>(state->loop.io());
    error_code ec;
    typename Acceptor::endpoint_type peer;
    if constexpr (kUnix) {
      co_await acceptor->async_accept(connection->socket,
                                      asio::redirect_error(asio::use_awaitable, ec));
      connection->peer = "unix";
    } else {
      auto socket =
          co_await acceptor->async_accept(peer, asio::redirect_error(asio::use_awaitable, ec));
      connection->peer = peer.address().to_string();
      if (!ec) {
        error_code ignored;
        socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      }
      connection->socket = std::move(socket);
    }
    if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) {
      co_return;
    }
    if (ec) {
      base::Log(base::Level::kWarn, "accept failed", {{"err", ec.message()}});
      co_await loop::Sleep(std::chrono::milliseconds(100));
      continue;
    }
    connection->unix_socket = kUnix;
    connection->trusted = trusted;
    connection->tls = !kUnix && state->shared->tls != nullptr;
    state->Take(std::move(connection));
  }
}

Server::Server(loop::Loop& loop, ServerOptions options, Router router)
    : state_(std::make_shared<State>(loop, std::move(options), std::move(router))) {}

Server::~Server() {
  for (const auto& path : state_->unix_paths) {
    ::unlink(path.c_str());
  }
}

base::Result<> Server::Start() {
  auto& s = *state_;
  const auto& options = s.shared->options;
  if (!options.tls_cert_file.empty()) {
    auto tls = MakeTls(options);
    if (!tls) {
      return base::Fail(tls.error());
    }
    s.shared->tls = std::move(*tls);
  }
  std::vector<ListenAddress> parsed;
  for (const auto& text : options.listen) {
    auto address = ParseListen(text);
    if (!address) {
      return base::Fail(address.error());
    }
    if (!address->Local() && options.auth.tokens.empty() && !options.auth.everybody) {
      return base::Fail(base::ErrorKind::kRefused,
                        "listen " + text +
                            ": an address that others can reach needs authentication; give a "
                            "token file, or listen on 127.0.0.1");
    }
    parsed.push_back(std::move(*address));
  }
  struct Bound {
    std::shared_ptr<asio::ip::tcp::acceptor> acceptor;
    bool local = false;
  };
  std::vector<Bound> bound;
  for (const auto& address : parsed) {
    if (!address.unix_path.empty()) {
      auto acceptor = ListenUnix(s.loop.io(), address.unix_path);
      if (!acceptor) {
        return base::Fail(acceptor.error());
      }
      s.unix_paths.push_back(address.unix_path);
      s.unix_sockets.push_back(
          std::make_shared<asio::local::stream_protocol::acceptor>(std::move(*acceptor)));
      s.addresses.push_back("unix:" + address.unix_path);
      continue;
    }
    auto acceptor = ListenTcp(s.loop.io(), address);
    if (!acceptor) {
      return base::Fail(acceptor.error());
    }
    bound.push_back(
        {std::make_shared<asio::ip::tcp::acceptor>(std::move(*acceptor)), address.Local()});
    s.addresses.push_back(ToString(bound.back().acceptor->local_endpoint()));
  }
  for (auto& [acceptor, local] : bound) {
    s.tcp.push_back(acceptor);
    s.listeners.Spawn("http accept", State::Accept(&s, acceptor, local));
  }
  for (const auto& acceptor : s.unix_sockets) {
    s.listeners.Spawn("http accept", State::Accept(&s, acceptor, true));
  }
  s.scope.Spawn("http watchdog", State::Watch(&s));
  return {};
}

std::vector<std::string> Server::addresses() const { return state_->addresses; }

void Server::SetAuth(Auth auth) {
  auto& own = state_->shared->options.auth;
  auth.sessions = std::move(own.sessions);
  auth.everybody = own.everybody;
  own = std::move(auth);
  if (own.sessions) {
    own.sessions->SetTokens(own.tokens);
  }
}

ServerStats Server::stats() const {
  auto out = state_->shared->stats;
  out.connections = state_->connections.size();
  return out;
}

loop::Task<> Server::Stop(base::Duration grace) {
  auto state = state_;
  state->shared->stopping = true;
  state->listeners.Cancel();
  co_await state->listeners.Join();
  state->tcp.clear();
  state->unix_sockets.clear();
  const auto until = base::Clock::Steady() + grace;
  for (const auto& connection : state->connections) {
    if (connection->idle) {
      connection->Close();
    }
  }
  while (!state->connections.empty() && base::Clock::Steady() < until) {
    co_await state->gone.WaitFor(until - base::Clock::Steady());
  }
  state->scope.Cancel();
  co_await state->scope.Join();
  state->connections.clear();
  for (const auto& path : state->unix_paths) {
    ::unlink(path.c_str());
  }
  state->unix_paths.clear();
}

}  // namespace api
