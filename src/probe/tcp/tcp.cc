// The tcp probe: connects, and on request sends a text and waits for an expected one.
#include "probe/tcp/tcp.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/text.h"
#include "probe/common.h"

namespace probe::tcp {
namespace {

namespace asio = boost::asio;
using model::OptionType;
using Socket = asio::ip::tcp::socket;

/// Bytes of an answer that are looked at for `expect`.
constexpr std::size_t kMaxAnswer = 64U << 10;

/// A socket whose operations end when the time is over.
struct Guarded {
  Guarded(World world, base::Instant until) : socket(world.loop->io()), timer(world.loop->io()) {
    timer.expires_at(until);
  }
  Socket socket;
  loop::Timer timer;
  bool expired = false;
};

void Watch(const std::shared_ptr<Guarded>& guarded) {
  guarded->timer.async_wait([weak = std::weak_ptr<Guarded>(guarded)](const auto& ec) {
    const auto self = weak.lock();
    if (!ec && self) {
      self->expired = true;
      boost::system::error_code ignored;
      self->socket.close(ignored);
    }
  });
}

/// Connects to the addresses in turn, each with its share of the time. nullptr: none worked, and
/// `reason` says why.
loop::Task<std::shared_ptr<Guarded>> Connect(World world, std::vector<asio::ip::address> addresses,
                                             std::uint16_t port, base::Instant deadline,
                                             base::Duration timeout, Outcome* out) {
  for (std::size_t i = 0; i < addresses.size() && i < 8; ++i) {
    const auto now = base::Clock::Steady();
    const auto share = (deadline - now) /
                       static_cast<std::int64_t>(std::min<std::size_t>(8, addresses.size()) - i);
    auto guarded = std::make_shared<Guarded>(world, now + share);
    Watch(guarded);
    boost::system::error_code ec;
    const asio::ip::tcp::endpoint to(addresses[i], port);
    co_await guarded->socket.async_connect(to, asio::redirect_error(asio::use_awaitable, ec));
    const bool expired = guarded->expired;
    if (!ec && !expired) {
      out->log.push_back(fmt::format(
          "connected to {} port {} in {:.3f} ms", addresses[i].to_string(), port,
          std::chrono::duration<double, std::milli>(base::Clock::Steady() - now).count()));
      guarded->timer.expires_at(deadline);
      Watch(guarded);
      co_return guarded;
    }
    out->reason = expired ? Within(timeout) : Reason(ec);
    out->log.push_back(fmt::format("{} port {}: {}", addresses[i].to_string(), port, out->reason));
  }
  co_return nullptr;
}

/// Reads until `expect` matches. "" = it did; else the reason.
loop::Task<std::string> Expect(std::shared_ptr<Guarded> guarded, std::string expect,
                               base::Duration timeout, Outcome* out) {
  const re2::RE2 pattern(expect, re2::RE2::Quiet);
  if (!pattern.ok()) {
    co_return fmt::format("the expected pattern is no RE2 expression: {}", pattern.error());
  }
  std::string text;
  std::array<char, 4096> piece;
  for (;;) {
    if (re2::RE2::PartialMatch(text, pattern)) {
      out->log.push_back(fmt::format("answer matches after {} bytes", text.size()));
      co_return "";
    }
    const auto seen = base::Printable(text.substr(0, 120));
    if (text.size() >= kMaxAnswer) {
      co_return fmt::format("/{}/ is not in the first {} bytes: {}", expect, text.size(), seen);
    }
    boost::system::error_code ec;
    const auto n = co_await guarded->socket.async_read_some(
        asio::buffer(piece), asio::redirect_error(asio::use_awaitable, ec));
    text.append(piece.data(), n);
    if (ec) {
      co_return text.empty() && guarded->expired
          ? Within(timeout)
          : fmt::format("/{}/ did not come ({}): \"{}\"", expect,
                        guarded->expired ? Within(timeout) : Reason(ec), seen);
    }
  }
}

loop::Task<std::string> Converse(std::shared_ptr<Guarded> guarded, model::Options options,
                                 base::Duration timeout, Outcome* out) {
  const auto send = options.Get<std::string>("send");
  if (!send.empty()) {
    boost::system::error_code ec;
    co_await asio::async_write(guarded->socket, asio::buffer(send),
                               asio::redirect_error(asio::use_awaitable, ec));
    if (ec) {
      co_return guarded->expired ? Within(timeout) : Reason(ec);
    }
  }
  const auto expect = options.Get<std::string>("expect");
  if (expect.empty()) {
    co_return "";
  }
  const auto begin = base::Clock::Steady();
  auto reason = co_await Expect(guarded, expect, timeout, out);
  const auto port = std::to_string(options.Get<std::int64_t>("port"));
  out->readings.push_back(
      {"probe_failed_due_to_regex", {{"port", port}}, reason.empty() ? 0.0 : 1.0});
  if (reason.empty()) {
    out->readings.push_back({"probe_tcp_duration_seconds",
                             {{"phase", "expect"}, {"port", port}},
                             RoundSeconds(base::Clock::Steady() - begin)});
  }
  co_return reason;
}

loop::Task<Outcome> Run(World world, Request request, std::shared_ptr<Memory> /*memory*/) {
  const auto begin = base::Clock::Steady();
  const auto timeout = request.spec->timeout;
  const auto& options = request.spec->options;
  const auto port = static_cast<std::uint16_t>(options.Get<std::int64_t>("port"));
  const model::Labels label = {{"port", std::to_string(port)}};
  const auto phase = [&](const char* name, base::Duration span) {
    return Reading{"probe_tcp_duration_seconds",
                   {{"phase", name}, {"port", std::to_string(port)}},
                   RoundSeconds(span)};
  };
  Outcome out;
  const auto found = co_await LookUp(world, request.target->address, IpVersion(options), timeout);
  if (!found) {
    out.reason = found.error().message;
    out.readings.push_back({"port", label, 0.0});
    co_return Finish(std::move(out), begin);
  }
  const auto resolved = base::Clock::Steady();
  const auto guarded = co_await Connect(world, *found, port, begin + timeout, timeout, &out);
  out.readings.push_back({"port", label, guarded ? 1.0 : 0.0});
  if (guarded) {
    out.readings.push_back(phase("resolve", resolved - begin));
    out.readings.push_back(phase("connect", base::Clock::Steady() - resolved));
    out.reason = co_await Converse(guarded, options, timeout, &out);
    out.success = out.reason.empty();
    guarded->timer.cancel();
  }
  co_return Finish(std::move(out), begin);
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "tcp",
             .title = "TCP connect: is the port open, does the service answer as expected",
             .options = {{.name = "port",
                          .type = OptionType::kInteger,
                          .help = "the port to connect to",
                          .required = true,
                          .min = 1,
                          .max = 65'535},
                         {.name = "send",
                          .type = OptionType::kString,
                          .help = "text sent after connecting"},
                         {.name = "expect",
                          .type = OptionType::kRegex,
                          .help = "what the answer must hold, within its first 64 KiB"},
                         IpVersionOption()},
             .metrics = {{"port", "gauge", "", "1: the port accepts connections, 0: not", {"port"}},
                         {"probe_tcp_duration_seconds",
                          "gauge",
                          "seconds",
                          "time of each phase: resolve, connect, expect",
                          {"phase", "port"}},
                         {"probe_failed_due_to_regex",
                          "gauge",
                          "",
                          "1: the answer did not match `expect`, 0: it did",
                          {"port"}}}},
    .run = &Run,
    .state_metrics = {"port"}};

}  // namespace probe::tcp
