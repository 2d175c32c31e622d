// Answers and lengths.
#include "notify/http.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"

namespace notify {
namespace {

constexpr std::size_t kMaxDetail = 300;
constexpr std::int64_t kMaxRetryAfter = 3600;

base::Duration RetryAfter(const loop::HttpResponse& response) {
  const auto text = base::Trim(response.Header("retry-after"));
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || seconds < 0) {
    return {};  // a date, or nothing that we understand: our own backoff serves
  }
  return std::chrono::seconds(std::min(seconds, kMaxRetryAfter));
}

/// Bytes of the character that begins `text`; its lead byte decides. The text is valid UTF-8.
std::size_t CharacterBytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return std::min(size, text.size());
}

}  // namespace

Delivery Judge(const base::Result<loop::HttpResponse>& response) {
  if (!response) {
    // A broken address or certificate will not mend itself, but people mend it: try again.
    return {Delivery::Kind::kRetry, base::Printable(response.error().message), {}};
  }
  auto detail = fmt::format("status {}", response->status);
  if (const auto body = base::Trim(response->body); !body.empty()) {
    detail += ": " + TruncateUtf16(base::Printable(body.substr(0, 4 * kMaxDetail)), kMaxDetail);
  }
  if (response->status >= 200 && response->status < 300) {
    return {Delivery::Kind::kDelivered, fmt::format("status {}", response->status), {}};
  }
  const int s = response->status;
  if (s == 408 || s == 425 || s == 429 || s >= 500) {
    return {Delivery::Kind::kRetry, detail, RetryAfter(*response)};
  }
  return {Delivery::Kind::kRejected, detail, {}};
}

std::size_t Utf16Units(std::string_view utf8) {
  const auto valid = base::Printable(utf8, true);
  std::string_view rest = valid;
  std::size_t units = 0;
  while (!rest.empty()) {
    const auto bytes = CharacterBytes(rest);
    units += bytes == 4 ? 2 : 1;
    rest.remove_prefix(bytes);
  }
  return units;
}

std::string TruncateUtf16(std::string_view utf8, std::size_t max) {
  // No unit has more than three bytes: what lies beyond is cut away in any case.
  auto valid = base::Printable(utf8.substr(0, 3 * max + 8), true);
  if (Utf16Units(valid) <= max) {
    return valid;
  }
  if (max == 0) {
    return "";
  }
  std::string_view rest = valid;
  std::size_t units = 0;
  while (!rest.empty()) {
    const auto bytes = CharacterBytes(rest);
    const std::size_t more = bytes == 4 ? 2 : 1;
    if (units + more > max - 1) {
      break;
    }
    units += more;
    rest.remove_prefix(bytes);
  }
  valid.resize(valid.size() - rest.size());
  return valid + "…";
}

}  // namespace notify
