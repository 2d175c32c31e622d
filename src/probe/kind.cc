// Finds kinds by name, and what several of them do alike.
#include "probe/kind.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/text.h"
#include "probe/common.h"

namespace probe {
namespace {

constexpr std::array<std::string_view, 3> kIpVersions = {"any", "4", "6"};
constexpr std::size_t kMaxReason = 400;

}  // namespace

const Kind* Find(std::string_view name) {
  for (const Kind* kind : Catalogue()) {
    if (kind->spec.name == name) {
      return kind;
    }
  }
  return nullptr;
}

model::OptionSpec IpVersionOption() {
  return {.name = "ip_version",
          .type = model::OptionType::kString,
          .help = "which addresses of a name may be used",
          .fallback = "any",
          .choices = kIpVersions};
}

int IpVersion(const model::Options& options) {
  const auto word = options.Get<std::string>("ip_version", "any");
  return word == "4" ? 4 : word == "6" ? 6 : 0;
}

loop::Task<base::Result<std::vector<boost::asio::ip::address>>> LookUp(World world,
                                                                       std::string host,
                                                                       int ip_version,
                                                                       base::Duration limit) {
  auto found = co_await world.resolver->Resolve(host, limit);
  if (!found || ip_version == 0) {
    co_return found;
  }
  std::erase_if(*found, [&](const auto& a) { return a.is_v4() != (ip_version == 4); });
  if (found->empty()) {
    co_return base::Fail(base::ErrorKind::kNotFound,
                         fmt::format("{}: has no IPv{} address", host, ip_version));
  }
  co_return found;
}

double RoundSeconds(double seconds) { return std::round(seconds * 1e6) / 1e6; }
double RoundSeconds(base::Duration span) {
  return RoundSeconds(std::chrono::duration<double>(span).count());
}

std::string Within(base::Duration timeout) {
  return fmt::format("no answer within {}", base::FormatDuration(timeout));
}

std::string Reason(const boost::system::error_code& ec) {
  std::string text = ec.message();
  if (!text.empty()) {
    text[0] = base::LowerCase(text[0]);
  }
  return text;
}

Outcome Finish(Outcome outcome, base::Instant begin) {
  outcome.took = base::Clock::Steady() - begin;
  if (outcome.reason.size() > kMaxReason) {
    outcome.reason.resize(kMaxReason);
  }
  outcome.reason = outcome.success ? "" : base::Printable(outcome.reason);
  for (auto& line : outcome.log) {
    line = base::Printable(line.substr(0, kMaxReason));
  }
  return outcome;
}

}  // namespace probe
