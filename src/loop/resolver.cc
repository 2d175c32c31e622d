// getaddrinfo on worker threads, with a cache that outlives a dead name server.
#include "loop/resolver.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

namespace loop {
namespace {

namespace ip = boost::asio::ip;
using Addresses = std::vector<ip::address>;

base::Result<Addresses> LookUp(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int rc = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (rc != 0) {
    const auto kind = rc == EAI_NONAME || rc == EAI_NODATA ? base::ErrorKind::kNotFound
                                                           : base::ErrorKind::kUnavailable;
    return base::Fail(kind, fmt::format("{}: {}", host, gai_strerror(rc)));
  }
  Addresses out;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    if (at->ai_family == AF_INET) {
      const auto* in = reinterpret_cast<const sockaddr_in*>(at->ai_addr);
      out.emplace_back(ip::address_v4(ntohl(in->sin_addr.s_addr)));
    } else if (at->ai_family == AF_INET6) {
      const auto* in = reinterpret_cast<const sockaddr_in6*>(at->ai_addr);
      ip::address_v6::bytes_type bytes;
      std::copy_n(in->sin6_addr.s6_addr, bytes.size(), bytes.begin());
      out.emplace_back(ip::address_v6(bytes, in->sin6_scope_id));
    }
  }
  freeaddrinfo(list);
  if (out.empty()) {
    return base::Fail(base::ErrorKind::kNotFound, fmt::format("{}: has no address", host));
  }
  return out;
}

}  // namespace

struct Resolver::Entry {
  Addresses addresses;  ///< the last good answer
  base::Instant at{};   ///< when it came
  bool looking = false;
  base::Error error;  ///< of the newest look-up, when it failed
  base::Instant failed_at{};
};

struct Resolver::State {
  explicit State(Loop& l) : loop(l), worker(l, "resolver", 4), answered(l) {}
  Loop& loop;
  Worker worker;
  Event answered;
  std::map<std::string, Entry> entries;
};

Resolver::Resolver(Loop& loop) : state_(std::make_shared<State>(loop)) {}
Resolver::~Resolver() = default;

Task<base::Result<Addresses>> Resolver::Resolve(std::string host, base::Duration limit) {
  boost::system::error_code ec;
  const auto literal = ip::make_address(host, ec);
  if (!ec) {
    co_return Addresses{literal};
  }
  const auto state = state_;
  const auto until = base::Clock::Steady() + limit;
  const auto asked = base::Clock::Steady();
  for (;;) {
    auto& entry = state->entries[host];
    const auto now = base::Clock::Steady();
    if (!entry.addresses.empty() && now - entry.at < std::chrono::seconds(30)) {
      co_return entry.addresses;
    }
    if (entry.failed_at >= asked && entry.failed_at != base::Instant{}) {
      if (!entry.addresses.empty() && now - entry.at < std::chrono::hours(1)) {
        co_return entry.addresses;
      }
      co_return base::Fail(entry.error);
    }
    if (!entry.looking) {
      entry.looking = true;
      auto* raw = state.get();  // the worker is joined before the state goes
      state->worker.Post([raw, host] {
        auto answer = std::make_shared<base::Result<Addresses>>(LookUp(host));
        raw->loop.Post([raw, host, answer] {
          auto& done = raw->entries[host];
          done.looking = false;
          if (*answer) {
            done.addresses = std::move(**answer);
            done.at = base::Clock::Steady();
          } else {
            done.error = answer->error();
            done.failed_at = base::Clock::Steady();
          }
          raw->answered.Notify();
        });
      });
    }
    if (now >= until) {
      if (!entry.addresses.empty()) {
        co_return entry.addresses;
      }
      co_return base::Fail(base::ErrorKind::kDeadline,
                           fmt::format("{}: no answer from the name server", host));
    }
    co_await state->answered.WaitFor(until - now);
  }
}

}  // namespace loop
