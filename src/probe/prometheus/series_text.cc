// Names, labels and numbers.
#include "probe/prometheus/series_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/text.h"

namespace probe::prometheus {
namespace {

/// The one NaN that Prometheus keeps for "no number" (model/value NormalNaN).
constexpr std::uint64_t kNormalNaN = 0x7ff8000000000001ULL;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

const char* NameEnd(const char* at, bool metric) {
  if (!IsLetter(*at) && !(metric && *at == ':')) {
    return at;
  }
  while (IsLetter(*at) || IsDigit(*at) || (metric && *at == ':')) {
    ++at;
  }
  return at;
}

std::string Unescape(std::string_view raw, bool quotes) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char next = i + 1 < raw.size() ? raw[i + 1] : '\0';
    if (raw[i] == '\\' && (next == '\\' || next == 'n' || (quotes && next == '"'))) {
      out += next == 'n' ? '\n' : next;
      ++i;
    } else {
      out += raw[i];
    }
  }
  return out;
}

/// One label, and the comma behind it.
const char* SeriesScan::Label(const char* at, std::string_view* name, std::string_view* value) {
  const char* end = NameEnd(at, false);
  if (end == at) {
    return Bad(at, names_.empty() ? "expected a label's name or }" : "expected a label's name");
  }
  *name = std::string_view(at, static_cast<std::size_t>(end - at));
  if (*name == model::kName || std::ranges::find(names_, *name) != names_.end()) {
    return Bad(at, *name == model::kName ? "the name stands before the brace, not as a label"
                                         : fmt::format("the label {} stands twice", *name));
  }
  names_.push_back(*name);
  at = Skip(end);
  if (*at != '=') {
    return Bad(at, fmt::format("expected = after the label's name {}",
                               base::Printable(name->substr(0, 60))));
  }
  at = Quoted(Skip(at + 1), value);
  if (at == nullptr) {
    return nullptr;
  }
  at = Skip(at);
  if (*at == ',') {
    at = Skip(at + 1);
    return open_ && *at == '}' ? Bad(at, "expected a label's name") : at;
  }
  if (*at == '}' || (!open_ && IsLetter(*at))) {  // Prometheus reads text without the comma, too
    return at;
  }
  return Bad(at, "expected a comma or }");
}

const char* SeriesScan::Quoted(const char* at, std::string_view* value) {
  if (*at != '"') {
    return Bad(at, "expected a label's value in double quotes");
  }
  const char* const begin = ++at;
  while (*at != '"') {
    if (*at == '\\' && at[1] != '\n') {
      ++at;
    } else if (*at == '\n') {
      return Bad(begin - 1, "the label's value has no closing quote");
    }
    ++at;
  }
  *value = std::string_view(begin, static_cast<std::size_t>(at - begin));
  if (!base::IsUtf8(*value)) {
    return Bad(begin, "the label's value is not UTF-8");
  }
  return at + 1;
}

const char* ReadPlainNumber(const char* at, double* value) {
  constexpr std::size_t kMost = 15;  // digits
  constexpr std::array<double, kMost + 1> kPowers = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                     1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const char* p = at + (*at == '-' ? 1 : 0);
  std::uint64_t digits = 0;
  const auto read = [&] {
    const char* const first = p;
    for (; IsDigit(*p); ++p) {
      digits = digits * 10 + static_cast<std::uint64_t>(*p - '0');
    }
    return static_cast<std::size_t>(p - first);
  };
  std::size_t count = read();
  std::size_t behind = 0;
  if (*p == '.') {
    ++p;
    behind = read();
    count += behind;
  }
  if ((*p != '\n' && *p != ' ') || count == 0 || count > kMost) {
    return at;
  }
  const double size = static_cast<double>(digits) / kPowers[behind];
  *value = *at == '-' ? -size : size;
  return p;
}

std::optional<double> ReadNumber(std::string_view text) {
  const bool sign = !text.empty() && (text[0] == '+' || text[0] == '-');
  const auto body = text.substr(sign ? 1 : 0);
  if (body.empty()) {
    return std::nullopt;
  }
  if (IsLetter(body[0])) {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    if (base::EqualIgnoringCase(body, "inf") || base::EqualIgnoringCase(body, "infinity")) {
      return text[0] == '-' ? -kInf : kInf;
    }
    return base::EqualIgnoringCase(text, "nan") ? std::optional(std::bit_cast<double>(kNormalNaN))
                                                : std::nullopt;
  }
  if (!IsDigit(body[0]) && body[0] != '.') {
    return std::nullopt;  // a second sign
  }
  double value = 0;
  const auto [end, ec] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (end != body.data() + body.size() || ec == std::errc::invalid_argument) {
    return std::nullopt;
  }
  if (ec == std::errc::result_out_of_range) {  // too small is 0 or nearly, too large is none
    value = std::strtod(std::string(body).c_str(), nullptr);
    if (!std::isfinite(value)) {
      return std::nullopt;
    }
  }
  return text[0] == '-' ? -value : value;
}

}  // namespace probe::prometheus
