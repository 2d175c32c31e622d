// Lexer: PromQL's text as items, one at a time, with Prometheus's own messages for what is none.
#pragma once

#include <string>
#include <string_view>

#include "promql/expr.h"

namespace promql {

/// What an item is. The names are those of Prometheus's grammar.
enum class ItemType {
  kEof,
  kError,
  kComment,
  kIdentifier,
  kMetricIdentifier,
  kNumber,
  kDuration,
  kString,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kAssign,      ///< =
  kEqualRegex,  ///< =~
  kNotRegex,    ///< !~
  kAt,
  kOperator,     ///< + - … and or unless atan2: `op`
  kAggregation,  ///< sum, topk, …: `op`
  kBool,
  kBy,
  kWithout,
  kOn,
  kIgnoring,
  kGroupLeft,
  kGroupRight,
  kOffset,
  kStart,
  kEnd
};

/// One item: for kError `text` is the message, else the piece of the input.
struct Item {
  ItemType type = ItemType::kEof;
  Op op = Op::kNone;
  int pos = 0;
  std::string text;
  /// As Prometheus names it in messages: `identifier "x"`, `"("`, `end of input`, `<and>`.
  [[nodiscard]] std::string Describe() const;
  [[nodiscard]] Span span() const { return {pos, pos + static_cast<int>(text.size())}; }
};

/// Reads items from a text that must outlive it. After kError or kEof comes nothing new.
class Lexer {
 public:
  explicit Lexer(std::string_view input) : input_(input) {}
  /// The next item that is no comment.
  Item Next();

 private:
  enum class State { kStatements, kBraces };
  int NextRune();
  int Peek();
  void Backup() { pos_ -= width_; }
  bool Accept(std::string_view valid);
  void AcceptRun(std::string_view valid);
  Item Emit(ItemType type, Op op = Op::kNone);
  Item Error(std::string message);
  void SkipSpace();

  Item Scan();
  Item ScanStatement();
  Item ScanOperator(int rune);
  Item ScanBracketish(int rune);
  Item ScanBraces();
  Item ScanComment();
  Item ScanString(int quote);
  Item ScanRawString();
  bool ScanEscape(int quote, std::string& error);
  Item ScanNumberOrDuration();
  Item ScanDuration();
  Item ScanWord();
  bool ScanNumber();
  bool AcceptRemainingDuration();

  std::string_view input_;
  int pos_ = 0;
  int start_ = 0;
  int width_ = 0;
  int paren_depth_ = 0;
  bool brace_open_ = false;
  bool bracket_open_ = false;
  bool bracket_fresh_ = false;
  bool got_colon_ = false;
  bool ended_ = false;
};

}  // namespace promql
