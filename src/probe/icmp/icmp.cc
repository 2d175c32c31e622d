// The icmp probe: a few spaced echo requests; one answer is enough for `ping` to be 1.
#include "probe/icmp/icmp.h"

#include <fmt/format.h>

#include <numeric>

#include "probe/common.h"
#include "probe/icmp/pinger.h"

namespace probe::icmp {
namespace {

using model::OptionType;

/// Sends the packets and waits until all are decided or the time is over.
loop::Task<> Exchange(Pinger* pinger, std::shared_ptr<Round> round, base::Duration gap,
                      base::Instant deadline) {
  std::size_t sent = 0;
  base::Instant next = base::Clock::Steady();
  for (;;) {
    const auto now = base::Clock::Steady();
    if (now >= deadline) {
      break;
    }
    if (sent < round->echoes.size() && now >= next) {
      pinger->Send(round, sent++);
      next += gap;
      continue;
    }
    const bool all =
        sent == round->echoes.size() && std::all_of(round->echoes.begin(), round->echoes.end(),
                                                    [](const Echo& e) { return e.decided(); });
    if (all) {
      break;
    }
    const auto until = sent < round->echoes.size() ? std::min(next, deadline) : deadline;
    co_await round->progress.WaitFor(until - now);
  }
  round->echoes.resize(sent);
}

/// Turns the echoes into readings, log and reason.
void Account(const Round& round, base::Duration timeout, Outcome& out) {
  std::vector<double> rtts;
  std::string error;
  for (std::size_t i = 0; i < round.echoes.size(); ++i) {
    const Echo& echo = round.echoes[i];
    if (echo.rtt) {
      rtts.push_back(std::chrono::duration<double>(*echo.rtt).count());
      out.log.push_back(fmt::format("packet {}: answered in {:.3f} ms", i + 1, rtts.back() * 1e3));
    } else {
      error = error.empty() ? echo.error : error;
      out.log.push_back(
          fmt::format("packet {}: {}", i + 1, echo.error.empty() ? Within(timeout) : echo.error));
    }
  }
  out.success = !rtts.empty();
  out.readings.push_back({"ping", {}, out.success ? 1.0 : 0.0});
  if (!round.echoes.empty()) {
    const auto sent = static_cast<double>(round.echoes.size());
    const double loss = 1.0 - static_cast<double>(rtts.size()) / sent;
    out.readings.push_back({"probe_icmp_loss_ratio", {}, RoundSeconds(loss)});
  }
  if (rtts.empty()) {
    out.reason = error.empty() ? Within(timeout) : error;
    return;
  }
  const double sum = std::accumulate(rtts.begin(), rtts.end(), 0.0);
  const auto [least, most] = std::minmax_element(rtts.begin(), rtts.end());
  const auto add = [&](const char* stat, double value) {
    out.readings.push_back({"probe_icmp_rtt_seconds", {{"stat", stat}}, RoundSeconds(value)});
  };
  add("min", *least);
  add("avg", sum / static_cast<double>(rtts.size()));
  add("max", *most);
}

loop::Task<Outcome> Run(World world, Request request, std::shared_ptr<Memory> /*memory*/) {
  const auto begin = base::Clock::Steady();
  const auto deadline = begin + request.spec->timeout;
  const auto& options = request.spec->options;
  Outcome out;
  const auto found =
      co_await LookUp(world, request.target->address, IpVersion(options), request.spec->timeout);
  if (!found) {
    out.reason = found.error().message;
    out.readings.push_back({"ping", {}, 0.0});
    co_return Finish(std::move(out), begin);
  }
  const auto to = found->front();
  auto& pinger = boost::asio::use_service<Pinger>(world.loop->io());
  const auto opened = pinger.Open(to.is_v6());
  if (!opened) {  // our own fault says nothing of the host: no `ping` at all
    out.reason = opened.error().message;
    co_return Finish(std::move(out), begin);
  }
  out.log.push_back(fmt::format("{} by {}", to.to_string(), *opened));
  const auto packets = static_cast<std::size_t>(options.Get<std::int64_t>("packets", 3));
  const auto size = static_cast<std::size_t>(options.Get<std::int64_t>("size", 56));
  // The last packet must have time for its answer.
  const auto most = request.spec->timeout / static_cast<std::int64_t>(packets + 1);
  const auto gap =
      std::min(options.Get<base::Duration>("spacing", std::chrono::milliseconds(50)), most);
  const auto round = std::make_shared<Round>(*world.loop, to, size, packets);
  co_await Exchange(&pinger, round, gap, deadline);
  Account(*round, request.spec->timeout, out);
  co_return Finish(std::move(out), begin);
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "icmp",
             .title = "ICMP echo (ping): reachability, loss and round-trip time",
             .options = {{.name = "packets",
                          .type = OptionType::kInteger,
                          .help = "echo requests a run; one answer is enough for ping = 1",
                          .fallback = "3",
                          .min = 1,
                          .max = 20},
                         {.name = "spacing",
                          .type = OptionType::kDuration,
                          .help = "time between two requests; shortened so that all fit into the "
                                  "time-out",
                          .fallback = "50ms",
                          .min = 0.001,
                          .max = 10},
                         {.name = "size",
                          .type = OptionType::kInteger,
                          .help = "payload bytes of a request",
                          .fallback = "56",
                          .min = 16,
                          .max = 8'000},
                         IpVersionOption()},
             .metrics = {{"ping", "gauge", "", "1: an echo request was answered, 0: none was"},
                         {"probe_icmp_loss_ratio", "gauge", "",
                          "share of the run's echo requests without answer, 0 to 1"},
                         {"probe_icmp_rtt_seconds",
                          "gauge",
                          "seconds",
                          "round-trip time over the run's answers; stat is min, avg or max",
                          {"stat"}}}},
    .run = &Run,
    .state_metrics = {"ping"}};

}  // namespace probe::icmp
