// The grammar's upper half: operators, literals, calls, aggregations.
#include "promql/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "promql/number.h"

namespace promql {
namespace {

constexpr int kMaxNesting = 300;
constexpr int kMaxDepth = 1000;
constexpr int kPowPrecedence = 6;

int Precedence(Op op) {
  switch (op) {
    case Op::kOr:
      return 1;
    case Op::kAnd:
    case Op::kUnless:
      return 2;
    case Op::kAdd:
    case Op::kSub:
      return 4;
    case Op::kMul:
    case Op::kDiv:
    case Op::kMod:
    case Op::kAtan2:
      return 5;
    case Op::kPow:
      return kPowPrecedence;
    default:
      return IsComparison(op) ? 3 : 0;
  }
}

/// Whether a word that means something elsewhere may name a metric here.
bool IsMetricWord(const Item& item) {
  switch (item.type) {
    case ItemType::kIdentifier:
    case ItemType::kMetricIdentifier:
    case ItemType::kAggregation:
    case ItemType::kBy:
    case ItemType::kWithout:
    case ItemType::kOffset:
    case ItemType::kStart:
    case ItemType::kEnd:
      return true;
    case ItemType::kOperator:
      return IsSetOperator(item.op);
    default:
      return false;
  }
}

bool IsSign(const Item& item) {
  return item.type == ItemType::kOperator && (item.op == Op::kAdd || item.op == Op::kSub);
}

std::unique_ptr<Expr> Make(Expr::Kind kind, Span span) {
  auto expr = std::make_unique<Expr>();
  expr->kind = kind;
  expr->span = span;
  return expr;
}

}  // namespace

const Item& Parser::Look() {
  if (!ahead_) {
    ahead_ = lexer_.Next();
    switch (ahead_->type) {
      case ItemType::kRightBrace:
      case ItemType::kRightParen:
      case ItemType::kRightBracket:
      case ItemType::kDuration:
      case ItemType::kNumber:
        last_closing_ = ahead_->span().end;
        break;
      case ItemType::kError:
        Fail(ahead_->pos, ahead_->text);
        break;
      default:
        break;
    }
  }
  return *ahead_;
}

Item Parser::Take() {
  Look();
  Item item = std::move(*ahead_);
  ahead_.reset();
  return item;
}

std::nullptr_t Parser::Fail(int offset, std::string message) {
  if (!failed_) {
    failed_ = true;
    error_offset_ = offset;
    error_message_ = std::move(message);
  }
  return nullptr;
}

std::nullptr_t Parser::Unexpected(std::string_view context, std::string_view expected) {
  const Item& item = Look();
  std::string message = "unexpected " + item.Describe();
  if (!context.empty()) {
    message += fmt::format(" in {}", context);
  }
  if (!expected.empty()) {
    message += fmt::format(", expected {}", expected);
  }
  return Fail(item.pos, std::move(message));
}

Parser::ExprPtr Parser::Deeper(ExprPtr expr) {
  for (const auto& arg : expr->args) {
    expr->depth = std::max(expr->depth, arg->depth + 1);
  }
  if (expr->depth > kMaxDepth) {
    return Fail(expr->span.start, fmt::format("expression is deeper than {} levels", kMaxDepth));
  }
  return expr;
}

std::unique_ptr<Expr> Parser::Whole() {
  if (Is(ItemType::kEof)) {
    return Fail(0, "no expression found in input");
  }
  ExprPtr expr = Binary(1);
  if (expr && !Is(ItemType::kEof)) {
    return Lost();
  }
  return failed_ ? nullptr : std::move(expr);
}

std::unique_ptr<Expr> Parser::WholeSelector() {
  ExprPtr expr;
  if (IsMetricWord(Look())) {
    expr = Selector(Take());
  } else if (Is(ItemType::kLeftBrace)) {
    expr = Selector(std::nullopt);
  } else {
    return Lost();
  }
  if (expr && !Is(ItemType::kEof)) {
    return Lost();
  }
  return failed_ ? nullptr : std::move(expr);
}

bool Parser::StartsExpression() {
  const Item& item = Look();
  return IsMetricWord(item) || IsSign(item) || item.type == ItemType::kNumber ||
         item.type == ItemType::kString || item.type == ItemType::kLeftParen ||
         item.type == ItemType::kLeftBrace;
}

Parser::ExprPtr Parser::Binary(int min_precedence) {
  ExprPtr left = Unary();
  while (left && Is(ItemType::kOperator) && Precedence(Look().op) >= min_precedence) {
    const Op op = Take().op;
    const int precedence = Precedence(op);
    auto binary = Make(Expr::Kind::kBinary, {});
    binary->op = op;
    binary->matching.emplace();
    if (!Modifiers(*binary)) {
      return nullptr;
    }
    ExprPtr right = Binary(op == Op::kPow ? precedence : precedence + 1);
    if (!right) {
      return nullptr;
    }
    binary->span = {left->span.start, right->span.end};
    binary->args.push_back(std::move(left));
    binary->args.push_back(std::move(right));
    left = Deeper(std::move(binary));
  }
  return left;
}

Parser::ExprPtr Parser::Unary() {
  if (!IsSign(Look())) {
    return Postfix();
  }
  if (++nesting_ > kMaxNesting) {
    return Fail(Look().pos, fmt::format("expression is deeper than {} levels", kMaxNesting));
  }
  const Item sign = Take();
  ExprPtr operand = Binary(kPowPrecedence);
  --nesting_;
  if (!operand) {
    return nullptr;
  }
  if (operand->kind == Expr::Kind::kNumber) {
    operand->number *= sign.op == Op::kSub ? -1 : 1;
    operand->span.start = sign.pos;
    return operand;
  }
  auto unary = Make(Expr::Kind::kUnary, {sign.pos, operand->span.end});
  unary->op = sign.op;
  unary->args.push_back(std::move(operand));
  return Deeper(std::move(unary));
}

Parser::ExprPtr Parser::Postfix() {
  if (++nesting_ > kMaxNesting) {
    return Fail(Look().pos, fmt::format("expression is deeper than {} levels", kMaxNesting));
  }
  ExprPtr expr = Primary();
  while (expr && !failed_) {
    if (Is(ItemType::kOffset)) {
      expr = Offset(std::move(expr));
    } else if (Is(ItemType::kAt)) {
      expr = At(std::move(expr));
    } else if (Is(ItemType::kLeftBracket)) {
      expr = Bracket(std::move(expr));
    } else {
      break;
    }
  }
  --nesting_;
  return failed_ ? nullptr : std::move(expr);
}

Parser::ExprPtr Parser::Primary() {
  switch (Look().type) {
    case ItemType::kNumber:
      return Number();
    case ItemType::kString:
      return String();
    case ItemType::kLeftParen:
      return Paren();
    case ItemType::kLeftBrace:
      return Selector(std::nullopt);
    default:
      return IsMetricWord(Look()) ? Word() : Lost();
  }
}

std::optional<double> Parser::NumberValue(const Item& item) {
  std::string_view text = item.text;
  int base = 10;
  std::string_view digits = text;
  if (text.size() > 1 && text[0] == '0') {
    base = text[1] == 'x' || text[1] == 'X' ? 16 : 8;
    digits = text.substr(base == 16 ? 2 : 1);
  }
  std::int64_t integer = 0;
  const auto [end, ec] =
      std::from_chars(digits.data(), digits.data() + digits.size(), integer, base);
  if (ec == std::errc() && !digits.empty() && end == digits.data() + digits.size()) {
    return static_cast<double>(integer);
  }
  bool out_of_range = false;
  if (const auto value = ParseFloat(text, &out_of_range)) {
    return value;
  }
  Fail(item.pos,
       fmt::format("error parsing number: strconv.ParseFloat: parsing {}: {}", GoQuote(text),
                   out_of_range ? "value out of range" : "invalid syntax"));
  return std::nullopt;
}

Parser::ExprPtr Parser::Number() {
  const Item item = Take();
  const auto value = NumberValue(item);
  if (!value) {
    return nullptr;
  }
  auto expr = Make(Expr::Kind::kNumber, item.span());
  expr->number = *value;
  return expr;
}

std::optional<std::string> Parser::Unquoted(const Item& item) {
  auto text = Unquote(item.text);
  if (!text) {
    Fail(item.pos, fmt::format("error unquoting string {}: invalid syntax", GoQuote(item.text)));
  }
  return text;
}

Parser::ExprPtr Parser::String() {
  const Item item = Take();
  auto text = Unquoted(item);
  if (!text) {
    return nullptr;
  }
  auto expr = Make(Expr::Kind::kString, item.span());
  expr->text = std::move(*text);
  return expr;
}

Parser::ExprPtr Parser::Paren() {
  const Item open = Take();
  ExprPtr inner = Binary(1);
  if (!inner) {
    return nullptr;
  }
  if (!Is(ItemType::kRightParen)) {
    return Lost();
  }
  const Item close = Take();
  auto expr = Make(Expr::Kind::kParen, {open.pos, close.span().end});
  expr->args.push_back(std::move(inner));
  return Deeper(std::move(expr));
}

Parser::ExprPtr Parser::Word() {
  const Item name = Take();
  if (name.type == ItemType::kIdentifier && Is(ItemType::kLeftParen)) {
    return Call(name);
  }
  if (name.type == ItemType::kAggregation &&
      (Is(ItemType::kLeftParen) || Is(ItemType::kBy) || Is(ItemType::kWithout))) {
    ++aggregations_;
    ExprPtr expr = Aggregate(name);
    --aggregations_;
    return expr;
  }
  return Selector(name);
}

bool Parser::Arguments(std::vector<ExprPtr>& out) {
  if (!Is(ItemType::kLeftParen)) {
    Lost();
    return false;
  }
  Take();
  if (Is(ItemType::kRightParen)) {
    Take();
    return true;
  }
  while (true) {
    ExprPtr arg = Binary(1);
    if (!arg) {
      return false;
    }
    out.push_back(std::move(arg));
    if (Is(ItemType::kRightParen)) {
      Take();
      return true;
    }
    if (!Is(ItemType::kComma)) {
      Lost();
      return false;
    }
    const Item comma = Take();
    if (!StartsExpression()) {
      Fail(comma.pos, "trailing commas not allowed in function call args");
      return false;
    }
  }
}

Parser::ExprPtr Parser::Call(const Item& name) {
  auto expr = Make(Expr::Kind::kCall, {name.pos, 0});
  if (!Arguments(expr->args)) {
    return nullptr;
  }
  expr->function = FindFunction(name.text);
  if (expr->function == nullptr) {
    return Fail(name.pos, fmt::format("unknown function with name {}", GoQuote(name.text)));
  }
  expr->span.end = last_closing_;
  return Deeper(std::move(expr));
}

bool Parser::AggregateModifier(Expr& expr) {
  expr.without = Take().type == ItemType::kWithout;
  return GroupingLabels(expr.grouping);
}

Parser::ExprPtr Parser::Aggregate(const Item& name) {
  auto expr = Make(Expr::Kind::kAggregate, {name.pos, 0});
  expr->op = name.op;
  std::vector<ExprPtr> args;
  const bool before = !Is(ItemType::kLeftParen);
  if (before && !AggregateModifier(*expr)) {
    return nullptr;
  }
  if (!Arguments(args)) {
    return nullptr;
  }
  if (!before && (Is(ItemType::kBy) || Is(ItemType::kWithout)) && !AggregateModifier(*expr)) {
    return nullptr;
  }
  return FinishAggregate(std::move(expr), std::move(args), name.pos);
}

Parser::ExprPtr Parser::FinishAggregate(ExprPtr expr, std::vector<ExprPtr> args, int start) {
  expr->span.end = last_closing_;
  if (args.empty()) {
    return Fail(start, "no arguments for aggregate expression provided");
  }
  const std::size_t wanted = HasParameter(expr->op) ? 2 : 1;
  if (args.size() != wanted) {
    return Fail(start, fmt::format("wrong number of arguments for aggregate expression provided, "
                                   "expected {}, got {}",
                                   wanted, args.size()));
  }
  expr->args = std::move(args);
  return Deeper(std::move(expr));
}

}  // namespace promql
