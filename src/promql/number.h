// Numbers as Go reads and writes them: PromQL's texts and answers are in that form.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace promql {

/// strconv.ParseFloat(text, 64): decimal, hexadecimal with exponent, inf, infinity, nan, any case.
/// `out_of_range` (may be nullptr) tells the two errors apart.
std::optional<double> ParseFloat(std::string_view text, bool* out_of_range = nullptr);
/// fmt.Sprint(v): shortest digits, exponent form from 1e21 and below 1e-4.
std::string FormatFloat(double v);
/// strconv.FormatFloat(v, 'f', -1, 64): shortest digits, never an exponent; "+Inf", "-Inf", "NaN".
std::string FormatFixed(double v);
/// As the HTTP API writes a sample's value: no exponent between 1e-6 and 1e21.
std::string FormatSample(double v);
/// fmt.Sprintf("%.{precision}g", v).
std::string FormatGeneral(double v, int precision);
/// strconv.Quote: in double quotes, with Go's escapes.
std::string GoQuote(std::string_view text);
/// A character in single quotes as %q writes it; -1 (end of input) is U+FFFD.
std::string GoQuoteRune(int rune);
/// One UTF-8 character at the beginning of `text`: its code point and length; broken or empty:
/// U+FFFD and 1 (0 when empty).
int DecodeRune(std::string_view text, int& length);
/// The UTF-8 of a code point.
std::string EncodeRune(int rune);

}  // namespace promql
