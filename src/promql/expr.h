// Expr: a PromQL expression as a tree, with its types and its places in the text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "store/querier.h"

namespace promql {

/// The types of Prometheus's expression language.
enum class ValueType { kNone, kScalar, kVector, kMatrix, kString };
/// As Prometheus's manual calls a type: "scalar", "instant vector", "range vector", "string".
std::string_view DocumentedType(ValueType type);
/// As its JSON answers call it: "scalar", "vector", "matrix", "string", "none".
std::string_view ToString(ValueType type);

/// Operators and aggregations.
enum class Op {
  kNone,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kGreater,
  kLess,
  kGreaterEqual,
  kLessEqual,
  kAnd,
  kOr,
  kUnless,
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kCountValues,
  kQuantile
};
/// As it is written: "+", "and", "count_values".
std::string_view ToString(Op op);
bool IsComparison(Op op);
bool IsSetOperator(Op op);
/// Whether the aggregation has a parameter before its vector: topk, bottomk, quantile,
/// count_values.
bool HasParameter(Op op);

/// A function of the language: its signature. Source: prometheus 2.42, querying/functions.
struct Function {
  std::string_view name;
  std::vector<ValueType> args;
  /// 0: exactly `args`; n > 0: the last of `args` may be left out or come up to n times; -1: any
  /// number.
  int variadic = 0;
  ValueType returns = ValueType::kVector;
};
/// The function called `name`, nullptr when there is none.
const Function* FindFunction(std::string_view name);
/// The names of all functions, for proposals.
std::vector<std::string> FunctionNames();

/// Where a piece of an expression stands: bytes [start, end) of the text.
struct Span {
  int start = 0;
  int end = 0;
};

/// How the sides of a binary operation between vectors are matched.
struct Matching {
  enum class Card { kOneToOne, kManyToOne, kOneToMany, kManyToMany };
  Card card = Card::kOneToOne;
  std::vector<std::string> labels;
  bool on = false;
  std::vector<std::string> include;
};

/// A node of the tree. Which members count depends on `kind`.
struct Expr {
  enum class Kind {
    kNumber,     ///< number
    kString,     ///< text
    kSelector,   ///< text (the name), matchers, offset, at, edge
    kMatrix,     ///< args[0] is the selector; range
    kSubquery,   ///< args[0], range, step (0 = the default), offset, at, edge
    kCall,       ///< function, args
    kAggregate,  ///< op, args (the parameter first, where there is one), grouping, without
    kBinary,     ///< op, args[0], args[1], return_bool, matching (vectors only)
    kUnary,      ///< op, args[0]
    kParen       ///< args[0]
  };
  /// What stands after @: nothing or a number (`at`), start(), end().
  enum class Edge { kNone, kStart, kEnd };

  Kind kind = Kind::kNumber;
  Span span;
  double number = 0;
  std::string text;
  std::vector<store::Matcher> matchers;
  std::int64_t range = 0;   ///< milliseconds
  std::int64_t step = 0;    ///< milliseconds
  std::int64_t offset = 0;  ///< milliseconds, negative looks ahead
  std::optional<model::Timestamp> at;
  Edge edge = Edge::kNone;
  const Function* function = nullptr;
  Op op = Op::kNone;
  bool without = false;
  std::vector<std::string> grouping;
  bool return_bool = false;
  std::optional<Matching> matching;
  std::vector<std::unique_ptr<Expr>> args;
  int depth = 1;  ///< of the tree below and with this node

  [[nodiscard]] ValueType Type() const;
  /// As PromQL, in Prometheus's own form: what its API and rules page print.
  [[nodiscard]] std::string ToString() const;
};

/// A copy of the whole tree.
std::unique_ptr<Expr> Clone(const Expr& expr);
/// The expression inside all parentheses around it.
const Expr& StripParens(const Expr& expr);
/// Every selector below (and with) `expr`.
std::vector<const Expr*> Selectors(const Expr& expr);
/// The names of metrics that the selectors ask for by equality, sorted, each once; "" is among them
/// when one asks without a name.
std::vector<std::string> MetricNames(const Expr& expr);

/// A mistake in an expression: Prometheus's wording, and where.
struct ParseError {
  std::string message;  ///< without the place: "unexpected end of input"
  int offset = 0;       ///< bytes from the beginning
  int line = 1;         ///< from 1
  int column = 1;       ///< from 1, in bytes
  /// "1:5: parse error: unexpected …".
  [[nodiscard]] std::string ToString() const;
};

/// Parses and checks an expression. On a mistake returns nullptr and fills `error`.
std::shared_ptr<const Expr> ParseExpr(std::string_view text, ParseError& error);
/// The same; errors: kInvalid with ParseError's sentence.
base::Result<std::shared_ptr<const Expr>> ParseExpr(std::string_view text);
/// Parses a selector alone, as `match[]` has it: `ping{ip=~"1.*"}`. Errors: kInvalid.
base::Result<std::vector<store::Matcher>> ParseSelector(std::string_view text);

}  // namespace promql
