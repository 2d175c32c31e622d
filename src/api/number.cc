// Numbers as Go writes them, by std::to_chars (shortest digits that read back).
#include "api/number.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace api {
namespace {

constexpr double kMaxMs = 9.2e18;

bool AppendSpecial(std::string& out, double v) {
  if (std::isnan(v)) {
    out += "NaN";
    return true;
  }
  if (std::isinf(v)) {
    out += v > 0 ? "+Inf" : "-Inf";
    return true;
  }
  return false;
}

/// The whole text as a float that is a number; hexadecimal and signs of infinity are not taken.
bool ReadNumber(std::string_view text, double& out) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

base::Result<std::int64_t> Milliseconds(double seconds, std::string_view text,
                                        std::string_view what) {
  const double ms = std::round(seconds * 1000);
  if (std::abs(ms) > kMaxMs) {
    return base::Fail(
        base::ErrorKind::kInvalid,
        fmt::format("cannot parse \"{}\" to a valid {}. It overflows int64", text, what));
  }
  return static_cast<std::int64_t>(ms);
}

}  // namespace

void AppendValue(std::string& out, double v) {
  if (AppendSpecial(out, v)) {
    return;
  }
  char text[400];
  const auto [end, error] = std::to_chars(text, text + sizeof text, v, std::chars_format::fixed);
  out.append(text, end);
}

void AppendExposed(std::string& out, double v) {
  if (AppendSpecial(out, v)) {
    return;
  }
  const double size = std::abs(v);
  char text[400];
  const bool exponent = v != 0 && (size < 1e-4 || size >= 1e21);
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, v,
                    exponent ? std::chars_format::scientific : std::chars_format::fixed);
  out.append(text, end);
}

void AppendTime(std::string& out, std::int64_t ms) {
  char text[40];
  char* at = text;
  const bool negative = ms < 0;
  const std::uint64_t size =
      negative ? 0 - static_cast<std::uint64_t>(ms) : static_cast<std::uint64_t>(ms);
  if (negative) {
    *at++ = '-';
  }
  at = std::to_chars(at, text + sizeof text, size / 1000).ptr;
  if (const auto rest = size % 1000; rest != 0) {
    *at++ = '.';
    *at++ = static_cast<char>('0' + rest / 100);
    *at++ = static_cast<char>('0' + rest / 10 % 10);
    *at++ = static_cast<char>('0' + rest % 10);
    while (at[-1] == '0') {
      --at;
    }
  }
  out.append(text, at);
}

base::Result<std::int64_t> ParseApiTime(std::string_view text) {
  double seconds = 0;
  if (ReadNumber(text, seconds)) {
    return Milliseconds(seconds, text, "timestamp");
  }
  if (const auto time = base::ParseRfc3339(text)) {
    return base::ToMs(*time);
  }
  // Grafana and promtool send these as "open at that end".
  if (text == "-292273086-05-16T16:47:06Z") {
    return -std::numeric_limits<std::int64_t>::max() / 1000;
  }
  if (text == "292277025-08-18T07:12:54.999999999Z") {
    return std::numeric_limits<std::int64_t>::max() / 1000;
  }
  return base::Fail(base::ErrorKind::kInvalid,
                    fmt::format("cannot parse \"{}\" to a valid timestamp", text));
}

base::Result<std::int64_t> ParseApiDuration(std::string_view text) {
  double seconds = 0;
  if (ReadNumber(text, seconds)) {
    return Milliseconds(seconds, text, "duration");
  }
  if (const auto span = base::ParseDuration(text)) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(*span).count();
  }
  return base::Fail(base::ErrorKind::kInvalid,
                    fmt::format("cannot parse \"{}\" to a valid duration", text));
}

}  // namespace api
