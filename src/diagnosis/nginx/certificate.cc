// Reading the end of a certificate's life.
#include "diagnosis/nginx/certificate.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>

#include "base/text.h"

namespace diagnosis::nginx {
namespace {

constexpr auto kSoon = std::chrono::hours(24 * 7);

}  // namespace

std::optional<base::Time> ReadEndDate(std::string_view text) {
  constexpr std::string_view kName = "notAfter=";
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (const auto line : base::Lines(text)) {
    if (!line.starts_with(kName) || line.size() > 64) {
      continue;
    }
    const std::string value(line.substr(kName.size()));
    std::array<char, 4> name{};
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int year = 0;
    // NOLINTNEXTLINE(cert-err34-c): every field is checked below
    if (std::sscanf(value.c_str(), "%3s %2d %2d:%2d:%2d %4d GMT", name.data(), &day, &hour, &minute,
                    &second, &year) != 6) {
      continue;
    }
    for (std::size_t month = 0; month < kMonths.size(); ++month) {
      if (kMonths[month] == name.data()) {
        const auto time = base::ParseRfc3339(fmt::format(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", year, month + 1, day, hour, minute, second));
        return time ? std::optional(*time) : std::nullopt;
      }
    }
  }
  return std::nullopt;
}

loop::Task<std::optional<model::Finding>> ExamineCertificate(Look* look, std::string path,
                                                             bool matters) {
  if (!path.starts_with('/') || !base::IsPrintable(path) || path.find('$') != std::string::npos) {
    co_return std::nullopt;
  }
  std::vector<std::string> argv = {"openssl", "x509", "-noout", "-enddate", "-in", path};
  const auto answer = co_await look->AskPlainly(std::move(argv));
  if (!answer || answer->exit_status != 0) {
    co_return std::nullopt;
  }
  const auto end = ReadEndDate(answer->output);
  if (!end || *end - base::Clock::Now() > kSoon) {
    co_return std::nullopt;
  }
  const bool expired = *end <= base::Clock::Now();
  auto finding = look->Found(
      expired ? "nginx-certificate-expired" : "nginx-certificate-expiring", "State active",
      fmt::format("openssl: {} is good until {}", path, base::FormatLocal(*end)));
  finding.details.emplace_back("Certificate", path);
  if (!expired || !matters) {
    finding.depth = -1;  // a warning: never the cause of what fails now
  }
  co_return finding;
}

}  // namespace diagnosis::nginx
