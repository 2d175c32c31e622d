// PromQL's literals: strings with their escapes, numbers, durations.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "promql/lexer.h"
#include "promql/number.h"

namespace promql {
namespace {

constexpr int kEnd = -1;

bool IsAlphaNumeric(int r) {
  return r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9');
}

int DigitValue(int r) {
  if (r >= '0' && r <= '9') {
    return r - '0';
  }
  if (r >= 'a' && r <= 'f') {
    return r - 'a' + 10;
  }
  return r >= 'A' && r <= 'F' ? r - 'A' + 10 : 16;
}

/// As Go's %#U: U+0078 'x'.
std::string UnicodeForm(int r) { return fmt::format("U+{:04X} {}", r, GoQuoteRune(r)); }

}  // namespace

Item Lexer::ScanString(int quote) {
  std::string error;
  while (true) {
    const int rune = NextRune();
    if (rune == '\\') {
      if (!ScanEscape(quote, error)) {
        return Error(std::move(error));
      }
    } else if (rune == 0xFFFD) {
      return Error("invalid UTF-8 rune");
    } else if (rune == kEnd || rune == '\n') {
      return Error("unterminated quoted string");
    } else if (rune == quote) {
      return Emit(ItemType::kString);
    }
  }
}

Item Lexer::ScanRawString() {
  while (true) {
    const int rune = NextRune();
    if (rune == 0xFFFD) {
      return Error("invalid UTF-8 rune");
    }
    if (rune == kEnd) {
      return Error("unterminated raw string");
    }
    if (rune == '`') {
      return Emit(ItemType::kString);
    }
  }
}

bool Lexer::ScanEscape(int quote, std::string& error) {
  int rune = NextRune();
  int count = 0;
  unsigned base = 16;
  unsigned max = 255;
  if (rune == quote ||
      (rune > 0 && rune < 0x80 &&
       std::string_view("abfnrtv\\").find(static_cast<char>(rune)) != std::string_view::npos)) {
    return true;
  }
  if (rune >= '0' && rune <= '7') {
    count = 3;
    base = 8;
  } else if (rune == 'x' || rune == 'u' || rune == 'U') {
    count = rune == 'x' ? 2 : rune == 'u' ? 4 : 8;
    max = rune == 'x' ? 255 : 0x10FFFF;
    rune = NextRune();
  } else {
    error = rune == kEnd ? "escape sequence not terminated"
                         : "unknown escape sequence " + UnicodeForm(rune);
    return false;
  }
  unsigned value = 0;
  while (count > 0) {
    const auto digit = static_cast<unsigned>(DigitValue(rune));
    if (digit >= base) {
      error = rune == kEnd ? "escape sequence not terminated"
                           : "illegal character " + UnicodeForm(rune) + " in escape sequence";
      return false;
    }
    value = value * base + digit;
    if (--count > 0) {
      rune = NextRune();
    }
  }
  if (value > max || (value >= 0xD800 && value < 0xE000)) {
    error = "escape sequence is an invalid Unicode code point";
    return false;
  }
  return true;
}

bool Lexer::ScanNumber() {
  std::string_view digits = "0123456789";
  if (Accept("0") && Accept("xX")) {
    digits = "0123456789abcdefABCDEF";
  }
  AcceptRun(digits);
  if (Accept(".")) {
    AcceptRun(digits);
  }
  if (Accept("eE")) {
    Accept("+-");
    AcceptRun("0123456789");
  }
  return !IsAlphaNumeric(Peek());
}

bool Lexer::AcceptRemainingDuration() {
  if (!Accept("smhdwy")) {
    return false;
  }
  Accept("s");
  while (Accept("0123456789")) {
    AcceptRun("0123456789");
    if (!Accept("smhdw")) {
      return false;
    }
    Accept("s");
  }
  return !IsAlphaNumeric(NextRune());
}

Item Lexer::ScanNumberOrDuration() {
  if (ScanNumber()) {
    return Emit(ItemType::kNumber);
  }
  if (AcceptRemainingDuration()) {
    Backup();
    return Emit(ItemType::kDuration);
  }
  return Error("bad number or duration syntax: " +
               GoQuote(input_.substr(static_cast<std::size_t>(start_),
                                     static_cast<std::size_t>(pos_ - start_))));
}

Item Lexer::ScanDuration() {
  if (ScanNumber()) {
    return Error("missing unit character in duration");
  }
  if (!AcceptRemainingDuration()) {
    return Error("bad duration syntax: " +
                 GoQuote(input_.substr(static_cast<std::size_t>(start_),
                                       static_cast<std::size_t>(pos_ - start_))));
  }
  Backup();
  return Emit(ItemType::kDuration);
}

}  // namespace promql
