// Parser: the grammar of PromQL by recursive descent, with the messages of Prometheus's own parser.
// Inside the room only; others call ParseExpr of expr.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "promql/expr.h"
#include "promql/lexer.h"

namespace promql {

/// One parse of one text. Methods that return nullptr or false have left an error behind; the first
/// one counts.
class Parser {
 public:
  explicit Parser(std::string_view input) : input_(input), lexer_(input) {}
  /// The whole text as an expression, not yet type-checked.
  std::unique_ptr<Expr> Whole();
  /// The whole text as a selector.
  std::unique_ptr<Expr> WholeSelector();
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] int error_offset() const { return error_offset_; }
  [[nodiscard]] const std::string& error_message() const { return error_message_; }

 private:
  using ExprPtr = std::unique_ptr<Expr>;

  const Item& Look();
  Item Take();
  bool Is(ItemType type) { return Look().type == type; }
  std::nullptr_t Fail(int offset, std::string message);
  std::nullptr_t Unexpected(std::string_view context, std::string_view expected = "");
  std::nullptr_t Lost() { return Unexpected(aggregations_ > 0 ? "aggregation" : ""); }
  bool StartsExpression();

  ExprPtr Binary(int min_precedence);
  ExprPtr Unary();
  ExprPtr Postfix();
  ExprPtr Primary();
  ExprPtr Number();
  ExprPtr String();
  ExprPtr Paren();
  ExprPtr Word();
  ExprPtr Selector(std::optional<Item> name);
  bool Matchers(std::vector<store::Matcher>& out);
  bool OneMatcher(std::vector<store::Matcher>& out);
  ExprPtr Call(const Item& name);
  bool Arguments(std::vector<ExprPtr>& out);
  ExprPtr Aggregate(const Item& name);
  bool AggregateModifier(Expr& expr);
  ExprPtr FinishAggregate(ExprPtr expr, std::vector<ExprPtr> args, int start);
  bool GroupingLabels(std::vector<std::string>& out);
  bool Modifiers(Expr& binary);
  ExprPtr Offset(ExprPtr expr);
  ExprPtr At(ExprPtr expr);
  bool AtTime(Expr& target, const Expr& whole, double seconds);
  ExprPtr Bracket(ExprPtr expr);
  ExprPtr Matrix(ExprPtr expr, const Item& bracket, std::int64_t range);
  ExprPtr Subquery(ExprPtr expr, std::int64_t range);
  std::optional<std::int64_t> Duration();
  std::optional<double> NumberValue(const Item& item);
  std::optional<std::string> Unquoted(const Item& item);
  ExprPtr Deeper(ExprPtr expr);

  std::string_view input_;
  Lexer lexer_;
  std::optional<Item> ahead_;
  int last_closing_ = 0;
  int aggregations_ = 0;
  int nesting_ = 0;
  bool failed_ = false;
  int error_offset_ = 0;
  std::string error_message_;
};

/// The type rules: false with the first mistake's place and words. Settles the matching of binary
/// operations on the way.
bool CheckAndSettle(Expr& expr, std::string_view input, int& offset, std::string& message);
/// A quoted string's content; nullopt when its quotes or escapes do not hold together.
std::optional<std::string> Unquote(std::string_view quoted);

}  // namespace promql
