// The expanding notation, piece by piece.
#include "promql/series_notation.h"

#include <fmt/format.h>

#include <charconv>

#include "promql/number.h"

namespace promql {
namespace {

using Values = std::vector<std::optional<double>>;

std::nullopt_t Fail(ParseError& error, std::size_t at, std::string message) {
  error = {.message = std::move(message),
           .offset = static_cast<int>(at),
           .line = 1,
           .column = static_cast<int>(at) + 1};
  return std::nullopt;
}

/// The sign of the step in `1+2`, not that of a number or its exponent.
std::size_t StepSign(std::string_view piece) {
  std::size_t at = piece.find_first_of("+-", 1);
  while (at != std::string_view::npos && (piece[at - 1] == 'e' || piece[at - 1] == 'E')) {
    at = piece.find_first_of("+-", at + 1);
  }
  return at;
}

/// The number behind the last x, taken off; nullopt inside: there is none.
bool TakeTimes(std::string_view* piece, std::optional<std::size_t>* times) {
  const auto x = piece->rfind('x');
  if (x == std::string_view::npos) {
    return true;
  }
  const auto digits = piece->substr(x + 1);
  std::size_t count = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (digits.empty() || ec != std::errc() || end != digits.data() + digits.size() ||
      count >= kMaxNotedValues) {
    return false;
  }
  *times = count;
  *piece = piece->substr(0, x);
  return true;
}

/// Adds what one piece stands for; "" or what is wrong with it.
std::string Expand(std::string_view piece, Values& out) {
  const auto whole = piece;
  std::optional<std::size_t> times;
  if (!TakeTimes(&piece, &times)) {
    return fmt::format("expected a number of repeats below {} behind x, found \"{}\"",
                       kMaxNotedValues, whole);
  }
  if (piece == "_") {
    out.insert(out.end(), times.value_or(1), std::nullopt);
    return "";
  }
  if (piece == "stale") {
    out.insert(out.end(), times.value_or(0) + 1, model::StaleNaN());
    return "";
  }
  const auto sign = StepSign(piece);
  const auto first = ParseFloat(piece.substr(0, sign));
  const auto step = sign == std::string_view::npos ? 0.0 : ParseFloat(piece.substr(sign));
  if (!first || !step) {
    return fmt::format("expected a number, stale or _, found \"{}\"", whole);
  }
  if (sign != std::string_view::npos && !times) {
    return fmt::format("expected x and a number of repeats behind \"{}\"", whole);
  }
  double v = *first;
  for (std::size_t i = 0; i <= times.value_or(0); ++i, v += *step) {
    out.emplace_back(v);
  }
  return "";
}

}  // namespace

std::optional<model::Labels> ParseLabels(std::string_view text, ParseError& error) {
  if (text == "{}") {
    return model::Labels();
  }
  const auto expr = ParseExpr(text, error);
  if (!expr) {
    // A selector must not match everything, but labels may be of an empty value.
    return std::nullopt;
  }
  if (expr->kind != Expr::Kind::kSelector || expr->offset != 0 || expr->at ||
      expr->edge != Expr::Edge::kNone) {
    return Fail(error, 0, "expected a series: a name with labels in braces");
  }
  model::Labels out;
  for (const auto& matcher : expr->matchers) {
    if (matcher.op != store::Matcher::Op::kEqual) {
      return Fail(error, 0, fmt::format("expected = behind the label {}", matcher.name));
    }
    out.Set(matcher.name, matcher.value);
  }
  return out;
}

std::optional<Values> ParseValues(std::string_view text, ParseError& error) {
  Values out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == ' ' || text[at] == '\n' || text[at] == '\t') {
      ++at;
      continue;
    }
    const auto end = std::min(text.find_first_of(" \n\t", at), text.size());
    if (auto wrong = Expand(text.substr(at, end - at), out); !wrong.empty()) {
      return Fail(error, at, std::move(wrong));
    }
    if (out.size() > kMaxNotedValues) {
      return Fail(error, at, fmt::format("more than {} values", kMaxNotedValues));
    }
    at = end;
  }
  return out;
}

}  // namespace promql
