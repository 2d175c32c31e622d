// Expressions back as PromQL, in the form in which Prometheus prints them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/clock.h"
#include "promql/expr.h"
#include "promql/number.h"

namespace promql {
namespace {

std::string Duration(std::int64_t ms) {
  return base::FormatDuration(std::chrono::milliseconds(ms));
}

/// " @ 12.000 offset 5m": what stands behind a selector.
std::string Suffix(const Expr& expr) {
  std::string out;
  if (expr.edge == Expr::Edge::kStart) {
    out += " @ start()";
  } else if (expr.edge == Expr::Edge::kEnd) {
    out += " @ end()";
  } else if (expr.at) {
    out += fmt::format(" @ {:.3f}", static_cast<double>(*expr.at) / 1000);
  }
  if (expr.offset != 0) {
    out += fmt::format(" offset {}{}", expr.offset < 0 ? "-" : "", Duration(std::abs(expr.offset)));
  }
  return out;
}

std::string_view OpText(store::Matcher::Op op) {
  switch (op) {
    case store::Matcher::Op::kEqual:
      return "=";
    case store::Matcher::Op::kNotEqual:
      return "!=";
    case store::Matcher::Op::kRegex:
      return "=~";
    case store::Matcher::Op::kNotRegex:
      break;
  }
  return "!~";
}

/// The selector without its suffix.
std::string Selector(const Expr& expr) {
  std::vector<std::string> conditions;
  for (const store::Matcher& matcher : expr.matchers) {
    if (matcher.name == model::kName && matcher.op == store::Matcher::Op::kEqual &&
        matcher.value == expr.text) {
      continue;
    }
    conditions.push_back(
        fmt::format("{}{}{}", matcher.name, OpText(matcher.op), GoQuote(matcher.value)));
  }
  std::ranges::sort(conditions);
  return conditions.empty() ? expr.text
                            : fmt::format("{}{{{}}}", expr.text, fmt::join(conditions, ","));
}

std::string Aggregate(const Expr& expr) {
  std::string out(ToString(expr.op));
  if (expr.without || !expr.grouping.empty()) {
    out +=
        fmt::format(" {} ({}) ", expr.without ? "without" : "by", fmt::join(expr.grouping, ", "));
  }
  return out;
}

std::string Match(const Expr& expr) {
  if (!expr.matching || (expr.matching->labels.empty() && !expr.matching->on)) {
    return "";
  }
  const Matching& m = *expr.matching;
  std::string out = fmt::format(" {} ({})", m.on ? "on" : "ignoring", fmt::join(m.labels, ", "));
  if (m.card == Matching::Card::kManyToOne || m.card == Matching::Card::kOneToMany) {
    out += fmt::format(" group_{} ({})", m.card == Matching::Card::kManyToOne ? "left" : "right",
                       fmt::join(m.include, ", "));
  }
  return out;
}

std::string Arguments(const Expr& expr) {
  std::vector<std::string> out;
  out.reserve(expr.args.size());
  for (const auto& arg : expr.args) {
    out.push_back(arg->ToString());
  }
  return fmt::format("{}", fmt::join(out, ", "));
}

}  // namespace

std::string Expr::ToString() const {
  switch (kind) {
    case Kind::kNumber:
      return FormatFloat(number);
    case Kind::kString:
      return GoQuote(text);
    case Kind::kSelector:
      return Selector(*this) + Suffix(*this);
    case Kind::kMatrix:
      return fmt::format("{}[{}]{}", Selector(*args[0]), Duration(range), Suffix(*args[0]));
    case Kind::kSubquery:
      return fmt::format("{}[{}:{}]{}", args[0]->ToString(), Duration(range),
                         step == 0 ? "" : Duration(step), Suffix(*this));
    case Kind::kCall:
      return fmt::format("{}({})", function->name, Arguments(*this));
    case Kind::kAggregate:
      return fmt::format("{}({})", Aggregate(*this), Arguments(*this));
    case Kind::kBinary:
      return fmt::format("{} {}{}{} {}", args[0]->ToString(), promql::ToString(op),
                         return_bool ? " bool" : "", Match(*this), args[1]->ToString());
    case Kind::kUnary:
      return std::string(promql::ToString(op)) + args[0]->ToString();
    case Kind::kParen:
      return "(" + args[0]->ToString() + ")";
  }
  return "";
}

}  // namespace promql
