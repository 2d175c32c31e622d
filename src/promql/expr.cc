// What can be asked of an expression: its type, its operators' names, its selectors.
#include "promql/expr.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace promql {
namespace {

constexpr std::array<std::string_view, 29> kOpNames = {
    "",        "+",     "-",      "*",      "/",    "%",       "^",
    "atan2",   "==",    "!=",     ">",      "<",    ">=",      "<=",
    "and",     "or",    "unless", "sum",    "avg",  "count",   "min",
    "max",     "group", "stddev", "stdvar", "topk", "bottomk", "count_values",
    "quantile"};

void Gather(const Expr& expr, std::vector<const Expr*>& out) {
  if (expr.kind == Expr::Kind::kSelector) {
    out.push_back(&expr);
  }
  for (const auto& arg : expr.args) {
    Gather(*arg, out);
  }
}

}  // namespace

std::string_view DocumentedType(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "instant vector";
    case ValueType::kMatrix:
      return "range vector";
    case ValueType::kString:
      return "string";
    case ValueType::kNone:
      break;
  }
  return "none";
}

std::string_view ToString(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "vector";
    case ValueType::kMatrix:
      return "matrix";
    case ValueType::kString:
      return "string";
    case ValueType::kNone:
      break;
  }
  return "none";
}

std::string_view ToString(Op op) { return kOpNames[static_cast<std::size_t>(op)]; }

bool IsComparison(Op op) { return op >= Op::kEqual && op <= Op::kLessEqual; }
bool IsSetOperator(Op op) { return op == Op::kAnd || op == Op::kOr || op == Op::kUnless; }
bool HasParameter(Op op) {
  return op == Op::kTopk || op == Op::kBottomk || op == Op::kCountValues || op == Op::kQuantile;
}

ValueType Expr::Type() const {
  switch (kind) {
    case Kind::kNumber:
      return ValueType::kScalar;
    case Kind::kString:
      return ValueType::kString;
    case Kind::kSelector:
    case Kind::kAggregate:
      return ValueType::kVector;
    case Kind::kMatrix:
    case Kind::kSubquery:
      return ValueType::kMatrix;
    case Kind::kCall:
      return function->returns;
    case Kind::kBinary:
      return args[0]->Type() == ValueType::kScalar && args[1]->Type() == ValueType::kScalar
                 ? ValueType::kScalar
                 : ValueType::kVector;
    case Kind::kUnary:
    case Kind::kParen:
      return args[0]->Type();
  }
  return ValueType::kNone;
}

std::unique_ptr<Expr> Clone(const Expr& expr) {
  auto out = std::make_unique<Expr>();
  out->kind = expr.kind;
  out->span = expr.span;
  out->number = expr.number;
  out->text = expr.text;
  out->matchers = expr.matchers;
  out->range = expr.range;
  out->step = expr.step;
  out->offset = expr.offset;
  out->at = expr.at;
  out->edge = expr.edge;
  out->function = expr.function;
  out->op = expr.op;
  out->without = expr.without;
  out->grouping = expr.grouping;
  out->return_bool = expr.return_bool;
  out->matching = expr.matching;
  out->depth = expr.depth;
  for (const auto& arg : expr.args) {
    out->args.push_back(Clone(*arg));
  }
  return out;
}

const Expr& StripParens(const Expr& expr) {
  const Expr* at = &expr;
  while (at->kind == Expr::Kind::kParen) {
    at = at->args[0].get();
  }
  return *at;
}

std::vector<const Expr*> Selectors(const Expr& expr) {
  std::vector<const Expr*> out;
  Gather(expr, out);
  return out;
}

std::vector<std::string> MetricNames(const Expr& expr) {
  std::vector<std::string> out;
  for (const Expr* selector : Selectors(expr)) {
    std::string name;
    for (const auto& matcher : selector->matchers) {
      if (matcher.name == model::kName && matcher.op == store::Matcher::Op::kEqual) {
        name = matcher.value;
      }
    }
    out.push_back(name);
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

std::string ParseError::ToString() const {
  return fmt::format("{}:{}: parse error: {}", line, column, message);
}

}  // namespace promql
