// The signature's check.
#include "alert/inbound/authentic.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "base/text.h"

namespace alert::inbound {
namespace {

constexpr std::string_view kHeader = "x-grafana-alerting-signature";
constexpr std::string_view kOtherHeader = "x-grafana-alert-signature";

}  // namespace

base::Result<> Authentic(const Signing& signing, const HeaderLookup& headers, std::string_view body,
                         base::Time now) {
  const auto denied = [](std::string why) {
    return base::Fail(base::ErrorKind::kDenied, "webhook signature: " + std::move(why));
  };
  if (signing.secret.empty()) {
    return denied("no secret is configured");
  }
  const std::string name =
      signing.header.empty() ? std::string(kHeader) : base::LowerCase(signing.header);
  std::string_view sent = headers(name);
  if (sent.empty() && signing.header.empty()) {
    sent = headers(kOtherHeader);
  }
  if (sent.empty()) {
    return denied("the header " + name + " is missing");
  }
  std::string covered;
  if (!signing.timestamp_header.empty()) {
    const std::string_view stamp = base::Trim(headers(base::LowerCase(signing.timestamp_header)));
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(stamp.data(), stamp.data() + stamp.size(), seconds);
    if (stamp.empty() || error != std::errc() || end != stamp.data() + stamp.size() ||
        seconds < 0 || seconds > 1'000'000'000'000) {
      return denied("the header " + base::LowerCase(signing.timestamp_header) +
                    " is missing or is no Unix time");
    }
    const auto ours = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
    const auto apart = std::chrono::abs(ours - std::chrono::seconds(seconds));
    // In seconds: as nanoseconds the difference might not fit.
    if (apart.count() > std::chrono::floor<std::chrono::seconds>(signing.freshness).count()) {
      return denied(fmt::format("its time is {} s away from ours", apart.count()));
    }
    covered = std::string(stamp) + ":";
  }
  covered += body;
  const std::string want = base::HmacSha256Hex(signing.secret.Reveal(), covered);
  if (!base::EqualSecret(want, base::LowerCase(base::Trim(sent)))) {
    return denied("it does not fit the body");
  }
  return {};
}

}  // namespace alert::inbound
