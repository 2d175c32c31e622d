// PromQL's lexical rules: what Prometheus 2.42 accepts and how it words what it does not.
#include "promql/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "promql/number.h"

namespace promql {
namespace {

constexpr int kEnd = -1;

bool IsSpace(int r) { return r == ' ' || r == '\t' || r == '\n' || r == '\r'; }
bool IsDigit(int r) { return r >= '0' && r <= '9'; }
bool IsAlpha(int r) { return r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z'); }
bool IsAlphaNumeric(int r) { return IsAlpha(r) || IsDigit(r); }

struct Keyword {
  std::string_view word;
  ItemType type;
  Op op;
};
constexpr std::array kKeywords = {
    Keyword{"and", ItemType::kOperator, Op::kAnd},
    Keyword{"or", ItemType::kOperator, Op::kOr},
    Keyword{"unless", ItemType::kOperator, Op::kUnless},
    Keyword{"atan2", ItemType::kOperator, Op::kAtan2},
    Keyword{"sum", ItemType::kAggregation, Op::kSum},
    Keyword{"avg", ItemType::kAggregation, Op::kAvg},
    Keyword{"count", ItemType::kAggregation, Op::kCount},
    Keyword{"min", ItemType::kAggregation, Op::kMin},
    Keyword{"max", ItemType::kAggregation, Op::kMax},
    Keyword{"group", ItemType::kAggregation, Op::kGroup},
    Keyword{"stddev", ItemType::kAggregation, Op::kStddev},
    Keyword{"stdvar", ItemType::kAggregation, Op::kStdvar},
    Keyword{"topk", ItemType::kAggregation, Op::kTopk},
    Keyword{"bottomk", ItemType::kAggregation, Op::kBottomk},
    Keyword{"count_values", ItemType::kAggregation, Op::kCountValues},
    Keyword{"quantile", ItemType::kAggregation, Op::kQuantile},
    Keyword{"offset", ItemType::kOffset, Op::kNone},
    Keyword{"by", ItemType::kBy, Op::kNone},
    Keyword{"without", ItemType::kWithout, Op::kNone},
    Keyword{"on", ItemType::kOn, Op::kNone},
    Keyword{"ignoring", ItemType::kIgnoring, Op::kNone},
    Keyword{"group_left", ItemType::kGroupLeft, Op::kNone},
    Keyword{"group_right", ItemType::kGroupRight, Op::kNone},
    Keyword{"bool", ItemType::kBool, Op::kNone},
    Keyword{"start", ItemType::kStart, Op::kNone},
    Keyword{"end", ItemType::kEnd, Op::kNone},
    Keyword{"inf", ItemType::kNumber, Op::kNone},
    Keyword{"nan", ItemType::kNumber, Op::kNone},
};

/// As Go's %q of at most ten characters, with dots behind what was longer.
std::string Shortened(std::string_view text) {
  if (text.size() <= 10) {
    return GoQuote(text);
  }
  int bytes = 0;
  for (int i = 0; i < 10 && bytes < static_cast<int>(text.size()); ++i) {
    int length = 0;
    DecodeRune(text.substr(static_cast<std::size_t>(bytes)), length);
    bytes += length;
  }
  return GoQuote(text.substr(0, static_cast<std::size_t>(bytes))) + "...";
}

}  // namespace

std::string Item::Describe() const {
  switch (type) {
    case ItemType::kEof:
      return "end of input";
    case ItemType::kError:
      return "error " + text;
    case ItemType::kComment:
      return "comment " + Shortened(text);
    case ItemType::kIdentifier:
      return "identifier " + GoQuote(text);
    case ItemType::kMetricIdentifier:
      return "metric identifier " + GoQuote(text);
    case ItemType::kNumber:
      return "number " + Shortened(text);
    case ItemType::kDuration:
      return "duration " + Shortened(text);
    case ItemType::kString:
      return "string " + Shortened(text);
    // Prometheus 2.42 has no name for this item and prints its number.
    case ItemType::kAt:
      return "\"<Item 57385>\" <op:@>";
    case ItemType::kBool:
    case ItemType::kBy:
    case ItemType::kWithout:
    case ItemType::kOn:
    case ItemType::kIgnoring:
    case ItemType::kGroupLeft:
    case ItemType::kGroupRight:
    case ItemType::kOffset:
      return "<" + text + ">";
    case ItemType::kAggregation:
      return "<aggr:" + text + ">";
    case ItemType::kEqualRegex:
    case ItemType::kNotRegex:
    case ItemType::kOperator:
      return "<op:" + text + ">";
    default:
      return GoQuote(text);
  }
}

int Lexer::NextRune() {
  if (pos_ >= static_cast<int>(input_.size())) {
    width_ = 0;
    return kEnd;
  }
  const int rune = DecodeRune(input_.substr(static_cast<std::size_t>(pos_)), width_);
  pos_ += width_;
  return rune;
}

int Lexer::Peek() {
  const int rune = NextRune();
  Backup();
  return rune;
}

bool Lexer::Accept(std::string_view valid) {
  const int rune = NextRune();
  if (rune >= 0 && rune < 0x80 && valid.find(static_cast<char>(rune)) != std::string_view::npos) {
    return true;
  }
  Backup();
  return false;
}

void Lexer::AcceptRun(std::string_view valid) {
  while (Accept(valid)) {
  }
}

Item Lexer::Emit(ItemType type, Op op) {
  Item item{type, op, start_,
            std::string(input_.substr(static_cast<std::size_t>(start_),
                                      static_cast<std::size_t>(pos_ - start_)))};
  start_ = pos_;
  return item;
}

Item Lexer::Error(std::string message) {
  ended_ = true;
  return Item{ItemType::kError, Op::kNone, start_, std::move(message)};
}

void Lexer::SkipSpace() {
  while (IsSpace(Peek())) {
    NextRune();
  }
  start_ = pos_;
}

Item Lexer::Next() {
  while (true) {
    Item item = Scan();
    if (item.type != ItemType::kComment) {
      return item;
    }
  }
}

Item Lexer::Scan() {
  if (ended_) {
    return Emit(ItemType::kEof);
  }
  if (bracket_fresh_) {
    bracket_fresh_ = false;
    return ScanDuration();
  }
  SkipSpace();
  if (Peek() == '#') {
    return ScanComment();
  }
  return brace_open_ ? ScanBraces() : ScanStatement();
}

Item Lexer::ScanComment() {
  int rune = NextRune();
  while (rune != '\r' && rune != '\n' && rune != kEnd) {
    rune = NextRune();
  }
  Backup();
  return Emit(ItemType::kComment);
}

Item Lexer::ScanStatement() {
  const int rune = NextRune();
  if (rune == kEnd) {
    if (paren_depth_ != 0) {
      return Error("unclosed left parenthesis");
    }
    if (bracket_open_) {
      return Error("unclosed left bracket");
    }
    ended_ = true;
    return Emit(ItemType::kEof);
  }
  if (IsDigit(rune) || (rune == '.' && IsDigit(Peek()))) {
    pos_ = start_;
    return ScanNumberOrDuration();
  }
  if (rune == '"' || rune == '\'') {
    return ScanString(rune);
  }
  if (rune == '`') {
    return ScanRawString();
  }
  if (IsAlpha(rune) || rune == ':') {
    if (!bracket_open_) {
      return ScanWord();
    }
    if (got_colon_) {
      return Error("unexpected colon " + GoQuoteRune(rune));
    }
    got_colon_ = true;
    return Emit(ItemType::kColon);
  }
  return ScanOperator(rune);
}

Item Lexer::ScanOperator(int rune) {
  switch (rune) {
    case ',':
      return Emit(ItemType::kComma);
    case '*':
      return Emit(ItemType::kOperator, Op::kMul);
    case '/':
      return Emit(ItemType::kOperator, Op::kDiv);
    case '%':
      return Emit(ItemType::kOperator, Op::kMod);
    case '+':
      return Emit(ItemType::kOperator, Op::kAdd);
    case '-':
      return Emit(ItemType::kOperator, Op::kSub);
    case '^':
      return Emit(ItemType::kOperator, Op::kPow);
    case '@':
      return Emit(ItemType::kAt);
    case '=':
      if (Accept("=")) {
        return Emit(ItemType::kOperator, Op::kEqual);
      }
      if (Peek() == '~') {
        return Error("unexpected character after '=': " + GoQuoteRune('~'));
      }
      return Emit(ItemType::kAssign);
    case '!': {
      const int next = NextRune();
      return next == '=' ? Emit(ItemType::kOperator, Op::kNotEqual)
                         : Error("unexpected character after '!': " + GoQuoteRune(next));
    }
    case '<':
      return Accept("=") ? Emit(ItemType::kOperator, Op::kLessEqual)
                         : Emit(ItemType::kOperator, Op::kLess);
    case '>':
      return Accept("=") ? Emit(ItemType::kOperator, Op::kGreaterEqual)
                         : Emit(ItemType::kOperator, Op::kGreater);
    default:
      return ScanBracketish(rune);
  }
}

Item Lexer::ScanBracketish(int rune) {
  switch (rune) {
    case '(':
      ++paren_depth_;
      return Emit(ItemType::kLeftParen);
    case ')': {
      Item item = Emit(ItemType::kRightParen);
      if (--paren_depth_ < 0) {
        return Error("unexpected right parenthesis " + GoQuoteRune(rune));
      }
      return item;
    }
    case '{':
      brace_open_ = true;
      return Emit(ItemType::kLeftBrace);
    case '[': {
      if (bracket_open_) {
        return Error("unexpected left bracket " + GoQuoteRune(rune));
      }
      got_colon_ = false;
      Item item = Emit(ItemType::kLeftBracket);
      SkipSpace();
      bracket_open_ = true;
      bracket_fresh_ = true;
      return item;
    }
    case ']':
      if (!bracket_open_) {
        return Error("unexpected right bracket " + GoQuoteRune(rune));
      }
      bracket_open_ = false;
      return Emit(ItemType::kRightBracket);
    default:
      return Error("unexpected character: " + GoQuoteRune(rune));
  }
}

Item Lexer::ScanBraces() {
  const int rune = NextRune();
  if (rune == kEnd) {
    return Error("unexpected end of input inside braces");
  }
  if (IsAlpha(rune)) {
    while (IsAlphaNumeric(NextRune())) {
    }
    Backup();
    return Emit(ItemType::kIdentifier);
  }
  switch (rune) {
    case ',':
      return Emit(ItemType::kComma);
    case '"':
    case '\'':
      return ScanString(rune);
    case '`':
      return ScanRawString();
    case '=':
      return Accept("~") ? Emit(ItemType::kEqualRegex) : Emit(ItemType::kAssign);
    case '!': {
      const int next = NextRune();
      if (next == '~') {
        return Emit(ItemType::kNotRegex);
      }
      return next == '='
                 ? Emit(ItemType::kOperator, Op::kNotEqual)
                 : Error("unexpected character after '!' inside braces: " + GoQuoteRune(next));
    }
    case '{':
      return Error("unexpected left brace " + GoQuoteRune(rune));
    case '}':
      brace_open_ = false;
      return Emit(ItemType::kRightBrace);
    default:
      return Error("unexpected character inside braces: " + GoQuoteRune(rune));
  }
}

Item Lexer::ScanWord() {
  int rune = NextRune();
  while (IsAlphaNumeric(rune) || rune == ':') {
    rune = NextRune();
  }
  Backup();
  const std::string_view word =
      input_.substr(static_cast<std::size_t>(start_), static_cast<std::size_t>(pos_ - start_));
  const std::string lower = base::LowerCase(word);
  const auto keyword = std::ranges::find(kKeywords, std::string_view(lower), &Keyword::word);
  if (keyword != kKeywords.end()) {
    return Emit(keyword->type, keyword->op);
  }
  return Emit(word.find(':') == std::string_view::npos ? ItemType::kIdentifier
                                                       : ItemType::kMetricIdentifier);
}

}  // namespace promql
