// Status line, date and headers, written by hand.
#include "api/answer_head.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>

#include "base/clock.h"
#include "base/text.h"

namespace api {
namespace {

constexpr std::string_view kSecurityHeaders =
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n";

std::string HttpDate() {
  const std::time_t now = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(base::Clock::Now()));
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto end =
      fmt::format_to_n(text, sizeof text, "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                       kDays[parts.tm_wday], parts.tm_mday, kMonths[parts.tm_mon],
                       parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return {text, end.out};
}

/// A header's value without what could end the line.
std::string OneLine(std::string_view value) {
  std::string out(value);
  std::erase_if(out, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
  return out;
}

}  // namespace

bool Compressible(std::string_view type) {
  return type.starts_with("text/") || type.starts_with("application/json") ||
         type.starts_with("application/openmetrics-text") ||
         type.starts_with("application/javascript") || type.starts_with("image/svg");
}

std::string WriteHead(const Response& response, const Framing& framing, bool gzip,
                      std::optional<std::size_t> length) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                                ReasonPhrase(response.status), HttpDate());
  const bool empty = response.status == 204 || response.status == 304;
  if (!empty && !response.content_type.empty()) {
    out += "Content-Type: " + OneLine(response.content_type) + "\r\n";
  }
  bool cache = false;
  for (const auto& [name, value] : response.headers) {
    cache = cache || base::EqualIgnoringCase(name, "cache-control");
    out += OneLine(name) + ": " + OneLine(value) + "\r\n";
  }
  if (!cache) {
    out += "Cache-Control: no-store\r\n";
  }
  if (gzip) {
    out += "Content-Encoding: gzip\r\n";
  }
  if (Compressible(response.content_type)) {
    out += "Vary: Accept-Encoding\r\n";
  }
  out += kSecurityHeaders;
  if (framing.tls) {
    out += "Strict-Transport-Security: max-age=31536000\r\n";
  }
  if (length && !empty) {
    out += fmt::format("Content-Length: {}\r\n", *length);
  } else if (!empty && !framing.old) {
    out += "Transfer-Encoding: chunked\r\n";
  }
  out += framing.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return out;
}

}  // namespace api
