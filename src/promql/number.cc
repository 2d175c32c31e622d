// Numbers and quotes in Go's forms.
#include "promql/number.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"

namespace promql {
namespace {

/// The shortest digits that read back as |v|, and the decimal exponent of the first one.
struct Digits {
  std::string digits;
  int exponent = 0;
};

Digits Shortest(double v) {
  char buffer[64];
  const auto [end, ec] =
      std::to_chars(buffer, buffer + sizeof buffer, std::fabs(v), std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = text.find('e');
  Digits out;
  for (const char c : text.substr(0, e)) {
    if (c != '.') {
      out.digits += c;
    }
  }
  const bool negative = text[e + 1] == '-';
  std::from_chars(text.data() + e + 2, text.data() + text.size(), out.exponent);
  out.exponent = negative ? -out.exponent : out.exponent;
  return out;
}

std::string Fixed(const Digits& d, bool negative) {
  std::string out = negative ? "-" : "";
  const int size = static_cast<int>(d.digits.size());
  if (d.exponent < 0) {
    return out + "0." + std::string(static_cast<std::size_t>(-d.exponent - 1), '0') + d.digits;
  }
  if (size <= d.exponent + 1) {
    return out + d.digits + std::string(static_cast<std::size_t>(d.exponent + 1 - size), '0');
  }
  const auto whole = static_cast<std::size_t>(d.exponent + 1);
  return out + d.digits.substr(0, whole) + "." + d.digits.substr(whole);
}

std::string Scientific(const Digits& d, bool negative) {
  std::string out = negative ? "-" : "";
  out += d.digits[0];
  if (d.digits.size() > 1) {
    out += "." + d.digits.substr(1);
  }
  return out + fmt::format("e{}{:02}", d.exponent < 0 ? '-' : '+', std::abs(d.exponent));
}

std::optional<std::string> Special(double v) {
  if (std::isnan(v)) {
    return "NaN";
  }
  if (std::isinf(v)) {
    return v > 0 ? "+Inf" : "-Inf";
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> ParseFloat(std::string_view text, bool* out_of_range) {
  if (out_of_range != nullptr) {
    *out_of_range = false;
  }
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const auto sign = [negative](double v) { return negative ? -v : v; };
  if (base::EqualIgnoringCase(text, "inf") || base::EqualIgnoringCase(text, "infinity")) {
    return sign(std::numeric_limits<double>::infinity());
  }
  if (base::EqualIgnoringCase(text, "nan")) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  auto format = std::chars_format::general;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    text.remove_prefix(2);
    format = std::chars_format::hex;
    if (text.find_first_of("pP") == std::string_view::npos) {
      return std::nullopt;
    }
  }
  if (text.empty() ||
      !(text[0] == '.' || std::isxdigit(static_cast<unsigned char>(text[0])) != 0)) {
    return std::nullopt;
  }
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, format);
  if (end != text.data() + text.size()) {
    return std::nullopt;
  }
  if (ec == std::errc::result_out_of_range) {
    // Too small is 0 for Go, too large an error.
    const std::size_t e = text.find_first_of(format == std::chars_format::hex ? "pP" : "eE");
    if (e != std::string_view::npos && e + 1 < text.size() && text[e + 1] == '-') {
      return sign(0.0);
    }
    if (out_of_range != nullptr) {
      *out_of_range = true;
    }
    return std::nullopt;
  }
  return ec == std::errc() ? std::optional(sign(value)) : std::nullopt;
}

std::string FormatFloat(double v) {
  if (const auto special = Special(v)) {
    return *special;
  }
  const Digits d = Shortest(v);
  return v != 0 && (d.exponent < -4 || d.exponent >= 21) ? Scientific(d, std::signbit(v))
                                                         : Fixed(d, std::signbit(v));
}

std::string FormatFixed(double v) {
  if (const auto special = Special(v)) {
    return *special;
  }
  return Fixed(Shortest(v), std::signbit(v));
}

std::string FormatSample(double v) {
  if (const auto special = Special(v)) {
    return *special;
  }
  const double size = std::fabs(v);
  return size != 0 && (size < 1e-6 || size >= 1e21) ? Scientific(Shortest(v), std::signbit(v))
                                                    : Fixed(Shortest(v), std::signbit(v));
}

std::string FormatGeneral(double v, int precision) {
  if (const auto special = Special(v)) {
    return *special;
  }
  return fmt::format("{:.{}g}", v, precision);
}

int DecodeRune(std::string_view text, int& length) {
  constexpr int kBroken = 0xFFFD;
  length = text.empty() ? 0 : 1;
  if (text.empty()) {
    return kBroken;
  }
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const int first = byte(0);
  if (first < 0x80) {
    return first;
  }
  const int size = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (size == 0 || first >= 0xF5 || text.size() < static_cast<std::size_t>(size)) {
    return kBroken;
  }
  int rune = first & (0x7F >> size);
  for (int i = 1; i < size; ++i) {
    const int next = byte(static_cast<std::size_t>(i));
    if ((next & 0xC0) != 0x80) {
      return kBroken;
    }
    rune = (rune << 6) | (next & 0x3F);
  }
  if ((size == 3 && (rune < 0x800 || (rune >= 0xD800 && rune < 0xE000))) ||
      (size == 4 && (rune < 0x10000 || rune > 0x10FFFF))) {
    return kBroken;
  }
  length = size;
  return rune;
}

std::string EncodeRune(int rune) {
  std::string out;
  const auto push = [&out](int byte) { out += static_cast<char>(byte); };
  if (rune < 0x80) {
    push(rune);
  } else if (rune < 0x800) {
    push(0xC0 | (rune >> 6));
    push(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    push(0xE0 | (rune >> 12));
    push(0x80 | ((rune >> 6) & 0x3F));
    push(0x80 | (rune & 0x3F));
  } else {
    push(0xF0 | (rune >> 18));
    push(0x80 | ((rune >> 12) & 0x3F));
    push(0x80 | ((rune >> 6) & 0x3F));
    push(0x80 | (rune & 0x3F));
  }
  return out;
}

namespace {

void AppendQuoted(std::string& out, int rune, char quote) {
  switch (rune) {
    case '\a':
      out += "\\a";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\v':
      out += "\\v";
      return;
    default:
      break;
  }
  if (rune == quote || rune == '\\') {
    out += '\\';
    out += static_cast<char>(rune);
  } else if (rune < 0x20 || rune == 0x7F) {
    out += fmt::format("\\x{:02x}", rune);
  } else if (rune >= 0x80 && rune < 0xA1) {
    out += fmt::format("\\u{:04x}", rune);
  } else {
    out += EncodeRune(rune);
  }
}

}  // namespace

std::string GoQuote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    int length = 0;
    const int rune = DecodeRune(text, length);
    if (rune == 0xFFFD && length == 1) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else {
      AppendQuoted(out, rune, '"');
    }
    text.remove_prefix(static_cast<std::size_t>(length));
  }
  return out + '"';
}

std::string GoQuoteRune(int rune) {
  std::string out = "'";
  AppendQuoted(out, rune < 0 ? 0xFFFD : rune, '\'');
  return out + "'";
}

}  // namespace promql
