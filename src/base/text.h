// Small questions about text that several rooms ask: quoting, case, nearest names, UTF-8, hex.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

/// `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string JsonQuote(std::string_view text);
/// Whether `text` is valid UTF-8 (RFC 3629: no overlong forms, no surrogates); control characters
/// are allowed.
bool IsUtf8(std::string_view text);
/// True when every character is printable: no control characters, no broken UTF-8, no DEL.
bool IsPrintable(std::string_view text);
/// `text` with control characters (but newline and tab when `keep_lines`) and broken UTF-8 replaced
/// by U+FFFD: what came from outside, made fit to be shown.
std::string Printable(std::string_view text, bool keep_lines = false);
/// `text` for HTML, in text and in attributes: & < > " ' as references, the digits as Go's template
/// has them (&#34; &#39;).
std::string HtmlEscape(std::string_view text);
/// An ASCII capital in lower case; every other character as it is.
constexpr char LowerCase(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
/// `text` with its ASCII letters in lower case.
std::string LowerCase(std::string_view text);
/// In upper case.
std::string UpperCase(std::string_view text);
/// Whether both are the same but for the case of ASCII letters.
bool EqualIgnoringCase(std::string_view a, std::string_view b);
/// How many single-character edits (insert, delete, replace, swap neighbours) make `b` of `a`.
std::size_t EditDistance(std::string_view a, std::string_view b);
/// The candidate nearest to `word`, or "" when none is near enough to be meant
/// (more than a third of the word's length, at least 2 edits).
std::string Nearest(std::string_view word, std::span<const std::string_view> candidates);
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);
/// Lower-case hexadecimal of bytes.
std::string Hex(std::span<const std::uint8_t> bytes);
/// HMAC-SHA256 of `data` in lower-case hexadecimal (RFC 2104).
std::string HmacSha256Hex(std::string_view key, std::string_view data);
/// SHA-256 of `data` in lower-case hexadecimal.
std::string Sha256Hex(std::string_view data);
/// Compares without telling by its time how much is equal.
bool EqualSecret(std::string_view a, std::string_view b);
/// `text` without white space at both ends.
std::string_view Trim(std::string_view text);
/// The pieces between `separator`s; an empty text is one empty piece.
std::vector<std::string_view> Split(std::string_view text, char separator);
/// The lines of `text`, without their ends (LF or CRLF); no last empty line.
std::vector<std::string_view> Lines(std::string_view text);

}  // namespace base
