// The grammar's lower half: selectors, matchers, grouping, offset, @, ranges and subqueries.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "promql/number.h"
#include "promql/parser.h"

namespace promql {
namespace {

bool IsWord(ItemType type) {
  return type >= ItemType::kAggregation || type == ItemType::kIdentifier ||
         type == ItemType::kMetricIdentifier;
}

/// The selector that offset and @ belong to: the expression itself or the inside of a range.
Expr* Modified(Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kSelector:
    case Expr::Kind::kSubquery:
      return &expr;
    case Expr::Kind::kMatrix:
      return expr.args[0]->kind == Expr::Kind::kSelector ? expr.args[0].get() : nullptr;
    default:
      return nullptr;
  }
}

std::string GoFixed(double v) { return std::isfinite(v) ? fmt::format("{:f}", v) : FormatFixed(v); }

}  // namespace

bool Parser::GroupingLabels(std::vector<std::string>& out) {
  if (!Is(ItemType::kLeftParen)) {
    Unexpected("grouping opts", "\"(\"");
    return false;
  }
  Take();
  while (!Is(ItemType::kRightParen)) {
    const Item& label = Look();
    const bool word =
        IsWord(label.type) || (label.type == ItemType::kOperator && model::IsLabelName(label.text));
    if (!word || !model::IsLabelName(label.text)) {
      Unexpected("grouping opts", "label");
      return false;
    }
    out.push_back(Take().text);
    if (Is(ItemType::kComma)) {
      Take();
    } else if (!Is(ItemType::kRightParen)) {
      Unexpected("grouping opts", "\",\" or \")\"");
      return false;
    }
  }
  Take();
  return true;
}

bool Parser::Modifiers(Expr& binary) {
  if (Is(ItemType::kBool)) {
    Take();
    binary.return_bool = true;
  }
  if (!Is(ItemType::kOn) && !Is(ItemType::kIgnoring)) {
    return true;
  }
  binary.matching->on = Take().type == ItemType::kOn;
  if (!GroupingLabels(binary.matching->labels)) {
    return false;
  }
  if (!Is(ItemType::kGroupLeft) && !Is(ItemType::kGroupRight)) {
    return true;
  }
  binary.matching->card =
      Take().type == ItemType::kGroupLeft ? Matching::Card::kManyToOne : Matching::Card::kOneToMany;
  if (Is(ItemType::kLeftParen)) {
    return GroupingLabels(binary.matching->include);
  }
  if (!StartsExpression()) {
    Unexpected("grouping opts", "\"(\"");
    return false;
  }
  return true;
}

Parser::ExprPtr Parser::Selector(std::optional<Item> name) {
  auto expr = std::make_unique<Expr>();
  expr->kind = Expr::Kind::kSelector;
  expr->span = name ? name->span() : Look().span();
  if (Is(ItemType::kLeftBrace)) {
    Take();
    if (!Matchers(expr->matchers)) {
      return nullptr;
    }
    expr->span.end = Take().span().end;
  }
  if (name) {
    expr->text = name->text;
    expr->matchers.push_back(
        *store::MakeMatcher(store::Matcher::Op::kEqual, std::string(model::kName), name->text));
  }
  return expr;
}

bool Parser::Matchers(std::vector<store::Matcher>& out) {
  while (!Is(ItemType::kRightBrace)) {
    if (!OneMatcher(out)) {
      return false;
    }
    if (Is(ItemType::kComma)) {
      Take();
    } else if (!Is(ItemType::kRightBrace)) {
      Unexpected("label matching", "\",\" or \"}\"");
      return false;
    }
  }
  return true;
}

bool Parser::OneMatcher(std::vector<store::Matcher>& out) {
  if (!Is(ItemType::kIdentifier)) {
    Unexpected("label matching", "identifier or \"}\"");
    return false;
  }
  const Item name = Take();
  auto op = store::Matcher::Op::kEqual;
  const Item& sign = Look();
  if (sign.type == ItemType::kEqualRegex) {
    op = store::Matcher::Op::kRegex;
  } else if (sign.type == ItemType::kNotRegex) {
    op = store::Matcher::Op::kNotRegex;
  } else if (sign.type == ItemType::kOperator && sign.op == Op::kNotEqual) {
    op = store::Matcher::Op::kNotEqual;
  } else if (sign.type != ItemType::kAssign) {
    Unexpected("label matching", "label matching operator");
    return false;
  }
  Take();
  if (!Is(ItemType::kString)) {
    Unexpected("label matching", "string");
    return false;
  }
  auto value = Unquoted(Take());
  if (!value) {
    return false;
  }
  auto matcher = store::MakeMatcher(op, name.text, std::move(*value));
  if (!matcher) {
    Fail(name.pos, matcher.error().message);
    return false;
  }
  out.push_back(std::move(*matcher));
  return true;
}

std::optional<std::int64_t> Parser::Duration() {
  const Item item = Take();
  const auto duration = base::ParseDuration(item.text);
  if (!duration) {
    Fail(item.pos, fmt::format("not a valid duration string: {}", GoQuote(item.text)));
    return std::nullopt;
  }
  if (duration->count() == 0) {
    Fail(item.pos, "duration must be greater than 0");
    return std::nullopt;
  }
  return duration->count() / 1'000'000;
}

Parser::ExprPtr Parser::Offset(ExprPtr expr) {
  Take();
  bool negative = false;
  if (Is(ItemType::kOperator) && Look().op == Op::kSub) {
    negative = true;
    Take();
  }
  if (!Is(ItemType::kDuration)) {
    return Unexpected("offset", "duration");
  }
  const auto duration = Duration();
  if (!duration) {
    return nullptr;
  }
  Expr* target = Modified(*expr);
  if (target == nullptr) {
    return Fail(expr->span.start,
                "offset modifier must be preceded by an instant vector selector or range vector "
                "selector or a subquery");
  }
  if (target->offset != 0) {
    return Fail(expr->span.start, "offset may not be set multiple times");
  }
  target->offset = negative ? -*duration : *duration;
  expr->span.end = last_closing_;
  return expr;
}

bool Parser::AtTime(Expr& target, const Expr& whole, double seconds) {
  constexpr double kLimit = 9223372036854775807.0;
  if (!std::isfinite(seconds) || seconds >= kLimit || seconds <= -kLimit) {
    Fail(whole.span.start,
         fmt::format("timestamp out of bounds for @ modifier: {}", GoFixed(seconds)));
    return false;
  }
  const double ms = std::round(seconds * 1000);
  target.at = std::fabs(ms) < kLimit ? static_cast<std::int64_t>(ms)
                                     : std::numeric_limits<std::int64_t>::min();
  return true;
}

Parser::ExprPtr Parser::At(ExprPtr expr) {
  Take();
  Expr::Edge edge = Expr::Edge::kNone;
  double seconds = 0;
  if (Is(ItemType::kStart) || Is(ItemType::kEnd)) {
    edge = Take().type == ItemType::kStart ? Expr::Edge::kStart : Expr::Edge::kEnd;
    for (const ItemType type : {ItemType::kLeftParen, ItemType::kRightParen}) {
      if (!Is(type)) {
        return Unexpected("@", "timestamp");
      }
      Take();
    }
  } else {
    bool negative = false;
    if (Is(ItemType::kOperator) && (Look().op == Op::kSub || Look().op == Op::kAdd)) {
      negative = Take().op == Op::kSub;
    }
    if (!Is(ItemType::kNumber)) {
      return Unexpected("@", "timestamp");
    }
    const auto value = NumberValue(Take());
    if (!value) {
      return nullptr;
    }
    seconds = negative ? -*value : *value;
  }
  Expr* target = Modified(*expr);
  if (target == nullptr) {
    return Fail(expr->span.start,
                "@ modifier must be preceded by an instant vector selector or range vector "
                "selector or a subquery");
  }
  if (target->at || target->edge != Expr::Edge::kNone) {
    return Fail(expr->span.start, "@ <timestamp> may not be set multiple times");
  }
  target->edge = edge;
  if (edge == Expr::Edge::kNone && !AtTime(*target, *expr, seconds)) {
    return nullptr;
  }
  expr->span.end = last_closing_;
  return expr;
}

Parser::ExprPtr Parser::Bracket(ExprPtr expr) {
  const Item bracket = Take();
  if (!Is(ItemType::kDuration)) {
    return Unexpected("subquery selector", "duration");
  }
  const auto range = Duration();
  if (!range) {
    return nullptr;
  }
  if (Is(ItemType::kRightBracket)) {
    return Matrix(std::move(expr), bracket, *range);
  }
  if (!Is(ItemType::kColon)) {
    return Unexpected("subquery or range", "\":\" or \"]\"");
  }
  return Subquery(std::move(expr), *range);
}

Parser::ExprPtr Parser::Matrix(ExprPtr expr, const Item& bracket, std::int64_t range) {
  Take();
  if (expr->kind != Expr::Kind::kSelector) {
    return Fail(bracket.pos, "ranges only allowed for vector selectors");
  }
  if (expr->offset != 0) {
    return Fail(bracket.pos, "no offset modifiers allowed before range");
  }
  if (expr->at) {
    return Fail(bracket.pos, "no @ modifiers allowed before range");
  }
  auto matrix = std::make_unique<Expr>();
  matrix->kind = Expr::Kind::kMatrix;
  matrix->span = {expr->span.start, last_closing_};
  matrix->range = range;
  matrix->args.push_back(std::move(expr));
  return Deeper(std::move(matrix));
}

Parser::ExprPtr Parser::Subquery(ExprPtr expr, std::int64_t range) {
  Take();
  auto subquery = std::make_unique<Expr>();
  subquery->kind = Expr::Kind::kSubquery;
  subquery->range = range;
  if (Is(ItemType::kDuration)) {
    const auto step = Duration();
    if (!step) {
      return nullptr;
    }
    subquery->step = *step;
    if (!Is(ItemType::kRightBracket)) {
      return Unexpected("subquery selector", "\"]\"");
    }
  } else if (!Is(ItemType::kRightBracket)) {
    return Unexpected("subquery selector", "duration or \"]\"");
  }
  subquery->span = {expr->span.start, Take().span().end};
  subquery->args.push_back(std::move(expr));
  return Deeper(std::move(subquery));
}

std::optional<std::string> Unquote(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != quoted.back()) {
    return std::nullopt;
  }
  const char quote = quoted.front();
  std::string_view text = quoted.substr(1, quoted.size() - 2);
  if (quote == '`') {
    return std::string(text);
  }
  std::string out;
  constexpr std::string_view kLetters = "abfnrtv";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v";
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c != '\\') {
      out += c;
      continue;
    }
    if (text.empty()) {
      return std::nullopt;
    }
    const char kind = text[0];
    const std::size_t letter = kLetters.find(kind);
    if (letter != std::string_view::npos || kind == '\\' || kind == quote) {
      out += letter != std::string_view::npos ? kMeanings[letter] : kind;
      text.remove_prefix(1);
      continue;
    }
    const bool octal = kind >= '0' && kind <= '7';
    const std::size_t digits = octal ? 3 : kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
    text.remove_prefix(octal ? 0 : 1);
    if (text.size() < digits) {
      return std::nullopt;
    }
    const int value = static_cast<int>(
        std::strtoul(std::string(text.substr(0, digits)).c_str(), nullptr, octal ? 8 : 16));
    text.remove_prefix(digits);
    out += octal || kind == 'x' ? std::string(1, static_cast<char>(value)) : EncodeRune(value);
  }
  return out;
}

}  // namespace promql
