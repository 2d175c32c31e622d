// The presence expression: which series a condition could judge at all.
#include "rule/rule.h"

namespace rule {
namespace {

using promql::Expr;
using promql::Op;

/// Turns deciding comparisons into `bool` ones, in place; false when an absent() decides, whose
/// silence means that the data are back.
bool Open(std::unique_ptr<Expr>& expr) {
  switch (expr->kind) {
    case Expr::Kind::kParen:
    case Expr::Kind::kUnary:
      return Open(expr->args[0]);
    case Expr::Kind::kCall: {
      const std::string_view name = expr->function->name;
      return name != "absent" && name != "absent_over_time" && name != "vector";
    }
    case Expr::Kind::kBinary: {
      if (expr->op == Op::kUnless) {
        std::unique_ptr<Expr> left = std::move(expr->args[0]);
        expr = std::move(left);
        return Open(expr);
      }
      if (promql::IsComparison(expr->op)) {
        expr->return_bool = true;
      }
      const bool left = Open(expr->args[0]);
      const bool right = Open(expr->args[1]);
      if (expr->op == Op::kAnd && left && !right) {
        std::unique_ptr<Expr> only = std::move(expr->args[0]);
        expr = std::move(only);
        return true;
      }
      return left && right;
    }
    default:
      return true;
  }
}

}  // namespace

std::shared_ptr<const Expr> PresenceOf(const Expr& expr) {
  std::unique_ptr<Expr> copy = promql::Clone(expr);
  if (!Open(copy)) {
    return nullptr;
  }
  return copy;
}

}  // namespace rule
