// The type rules of PromQL, in the words of Prometheus 2.42.
#include <fmt/format.h>

#include <algorithm>

#include "promql/number.h"
#include "promql/parser.h"

namespace promql {
namespace {

/// One check of one tree: the first mistake is kept.
class Checker {
 public:
  Checker(std::string_view input, int& offset, std::string& message)
      : input_(input), offset_(offset), message_(message) {}

  bool Check(Expr& expr) {
    switch (expr.kind) {
      case Expr::Kind::kNumber:
      case Expr::Kind::kString:
        return true;
      case Expr::Kind::kSelector:
        return Selector(expr);
      case Expr::Kind::kMatrix:
      case Expr::Kind::kParen:
        return Check(*expr.args[0]);
      case Expr::Kind::kSubquery:
        return Subquery(expr);
      case Expr::Kind::kCall:
        return Call(expr);
      case Expr::Kind::kAggregate:
        return Aggregate(expr);
      case Expr::Kind::kBinary:
        return Binary(expr);
      case Expr::Kind::kUnary:
        return Unary(expr);
    }
    return true;
  }

 private:
  bool Fail(int offset, std::string message) {
    offset_ = offset;
    message_ = std::move(message);
    return false;
  }

  bool Expect(Expr& expr, ValueType want, const std::string& context) {
    if (!Check(expr)) {
      return false;
    }
    const ValueType type = expr.Type();
    return type == want ||
           Fail(expr.span.start, fmt::format("expected type {} in {}, got {}", DocumentedType(want),
                                             context, DocumentedType(type)));
  }

  bool Selector(const Expr& expr) {
    if (!expr.text.empty()) {
      for (std::size_t i = 0; i + 1 < expr.matchers.size(); ++i) {
        if (expr.matchers[i].name == model::kName) {
          return Fail(expr.span.start,
                      fmt::format("metric name must not be set twice: {} or {}", GoQuote(expr.text),
                                  GoQuote(expr.matchers[i].value)));
        }
      }
      return true;
    }
    const bool narrow = std::ranges::any_of(
        expr.matchers, [](const store::Matcher& matcher) { return !matcher.Matches(""); });
    return narrow ||
           Fail(expr.span.start, "vector selector must contain at least one non-empty matcher");
  }

  bool Subquery(Expr& expr) {
    if (!Check(*expr.args[0])) {
      return false;
    }
    const ValueType type = expr.args[0]->Type();
    return type == ValueType::kVector ||
           Fail(expr.span.start,
                fmt::format("subquery is only allowed on instant vector, got {} instead",
                            ToString(type)));
  }

  bool Call(Expr& expr) {
    const Function& function = *expr.function;
    const int wanted = static_cast<int>(function.args.size());
    const int got = static_cast<int>(expr.args.size());
    const auto count = [&](std::string_view how, int number) {
      return Fail(expr.span.start, fmt::format("expected {}{} argument(s) in call to {}, got {}",
                                               how, number, GoQuote(function.name), got));
    };
    if (function.variadic == 0 && wanted != got) {
      return count("", wanted);
    }
    if (function.variadic != 0 && wanted - 1 > got) {
      return count("at least ", wanted - 1);
    }
    if (function.variadic > 0 && wanted - 1 + function.variadic < got) {
      return count("at most ", wanted - 1 + function.variadic);
    }
    for (std::size_t i = 0; i < expr.args.size(); ++i) {
      const ValueType want = function.args[std::min(i, function.args.size() - 1)];
      if (!Expect(*expr.args[i], want, "call to function " + GoQuote(function.name))) {
        return false;
      }
    }
    return true;
  }

  bool Aggregate(Expr& expr) {
    if (!Expect(*expr.args.back(), ValueType::kVector, "aggregation expression")) {
      return false;
    }
    if (!HasParameter(expr.op)) {
      return true;
    }
    return Expect(*expr.args[0],
                  expr.op == Op::kCountValues ? ValueType::kString : ValueType::kScalar,
                  "aggregation parameter");
  }

  /// Where the operator stands: behind the left side and its white space.
  int OperatorAt(const Expr& expr) const {
    int at = expr.args[0]->span.end;
    while (at < static_cast<int>(input_.size()) &&
           std::string_view(" \t\n\r").find(input_[static_cast<std::size_t>(at)]) !=
               std::string_view::npos) {
      ++at;
    }
    return at;
  }

  bool Binary(Expr& expr) {
    if (!Check(*expr.args[0]) || !Check(*expr.args[1])) {
      return false;
    }
    const ValueType left = expr.args[0]->Type();
    const ValueType right = expr.args[1]->Type();
    const bool scalars = left == ValueType::kScalar && right == ValueType::kScalar;
    if (expr.return_bool && !IsComparison(expr.op)) {
      return Fail(OperatorAt(expr), "bool modifier can only be used on comparison operators");
    }
    if (IsComparison(expr.op) && !expr.return_bool && scalars) {
      return Fail(OperatorAt(expr), "comparisons between scalars must use BOOL modifier");
    }
    Matching& matching = *expr.matching;
    if (IsSetOperator(expr.op) && matching.card == Matching::Card::kOneToOne) {
      matching.card = Matching::Card::kManyToMany;
    }
    for (const std::string& label : matching.labels) {
      if (matching.on && std::ranges::find(matching.include, label) != matching.include.end()) {
        return Fail(
            OperatorAt(expr),
            fmt::format("label {} must not occur in ON and GROUP clause at once", GoQuote(label)));
      }
    }
    for (const auto& side : expr.args) {
      const ValueType type = side->Type();
      if (type != ValueType::kScalar && type != ValueType::kVector) {
        return Fail(side->span.start,
                    "binary expression must contain only scalar and instant vector types");
      }
    }
    return Match(expr, left == ValueType::kVector && right == ValueType::kVector);
  }

  bool Match(Expr& expr, bool vectors) {
    const auto name = [&] { return GoQuote(ToString(expr.op)); };
    if (!vectors) {
      if (!expr.matching->labels.empty()) {
        return Fail(expr.span.start, "vector matching only allowed between instant vectors");
      }
      expr.matching.reset();
      return !IsSetOperator(expr.op) ||
             Fail(expr.span.start,
                  fmt::format("set operator {} not allowed in binary scalar expression", name()));
    }
    if (IsSetOperator(expr.op) && expr.matching->card != Matching::Card::kManyToMany) {
      return Fail(expr.span.start, fmt::format("no grouping allowed for {} operation", name()));
    }
    return true;
  }

  bool Unary(Expr& expr) {
    if (!Check(*expr.args[0])) {
      return false;
    }
    const ValueType type = expr.args[0]->Type();
    return type == ValueType::kScalar || type == ValueType::kVector ||
           Fail(expr.span.start, fmt::format("unary expression only allowed on expressions of type "
                                             "scalar or instant vector, got {}",
                                             GoQuote(DocumentedType(type))));
  }

  std::string_view input_;
  int& offset_;
  std::string& message_;
};

void Place(std::string_view text, ParseError& error) {
  const auto at = static_cast<std::size_t>(
      std::clamp<std::int64_t>(error.offset, 0, static_cast<std::int64_t>(text.size())));
  const std::string_view before = text.substr(0, at);
  error.line = 1 + static_cast<int>(std::ranges::count(before, '\n'));
  const std::size_t newline = before.rfind('\n');
  error.column = static_cast<int>(at - (newline == std::string_view::npos ? 0 : newline + 1)) + 1;
}

}  // namespace

bool CheckAndSettle(Expr& expr, std::string_view input, int& offset, std::string& message) {
  return Checker(input, offset, message).Check(expr);
}

std::shared_ptr<const Expr> ParseExpr(std::string_view text, ParseError& error) {
  Parser parser(text);
  std::unique_ptr<Expr> expr = parser.Whole();
  if (!expr) {
    error.offset = parser.error_offset();
    error.message = parser.error_message();
  } else if (CheckAndSettle(*expr, text, error.offset, error.message)) {
    return expr;
  }
  Place(text, error);
  return nullptr;
}

base::Result<std::shared_ptr<const Expr>> ParseExpr(std::string_view text) {
  ParseError error;
  auto expr = ParseExpr(text, error);
  if (!expr) {
    return base::Fail(base::ErrorKind::kInvalid, error.ToString());
  }
  return expr;
}

base::Result<std::vector<store::Matcher>> ParseSelector(std::string_view text) {
  Parser parser(text);
  const std::unique_ptr<Expr> expr = parser.WholeSelector();
  if (!expr) {
    ParseError error{parser.error_message(), parser.error_offset()};
    Place(text, error);
    return base::Fail(base::ErrorKind::kInvalid, error.ToString());
  }
  return expr->matchers;
}

}  // namespace promql
