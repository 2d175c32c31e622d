// Reading of templates: Go's text/template, as far as rules need it.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/text.h"
#include "promql/number.h"
#include "rule/template_tree.h"

namespace rule {
namespace {

using Node = Template::Node;
using Kind = Node::Kind;
using Operand = TemplateOperand;

constexpr int kMaxDepth = 50;

bool IsSpace(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Reads one template; the first mistake stays in `error`.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Node Whole() {
    Node root;
    const std::string ended = List(root, 0);
    if (!ended.empty()) {
      Fail("unexpected {{" + ended + "}}");
    }
    return root;
  }

  std::string error;
  std::size_t offset = 0;

 private:
  void Fail(std::string message) {
    if (error.empty()) {
      error = std::move(message);
      offset = at_;
    }
  }
  [[nodiscard]] bool More() const { return error.empty() && at_ < text_.size(); }
  [[nodiscard]] char Here() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  /// The text up to the next {{, without what trim marks take away.
  void Plain(Node& out, std::size_t open) {
    std::string_view plain = text_.substr(at_, open - at_);
    while (trim_next_ && !plain.empty() && IsSpace(plain.front())) {
      plain.remove_prefix(1);
    }
    trim_next_ = false;
    const bool trim = open != std::string_view::npos && text_.substr(open).starts_with("{{-") &&
                      open + 3 < text_.size() && IsSpace(text_[open + 3]);
    while (trim && !plain.empty() && IsSpace(plain.back())) {
      plain.remove_suffix(1);
    }
    if (!plain.empty()) {
      Node node;
      node.kind = Kind::kText;
      node.text = plain;
      out.parts.push_back(std::move(node));
    }
    at_ = open == std::string_view::npos ? text_.size() : open + (trim ? 3 : 2);
  }

  /// Reads pieces until the end of the text or an {{ end }} or {{ else … }}, which it gives back.
  std::string List(Node& out, int depth) {
    if (depth > kMaxDepth) {
      Fail("nested too deeply");
      return "";
    }
    const auto variables = variables_.size();
    std::string ended;
    while (More() && ended.empty()) {
      const std::size_t open = text_.find("{{", at_);
      Plain(out, open);
      if (open == std::string_view::npos) {
        break;
      }
      ended = Action(out, depth);
    }
    variables_.resize(variables);
    return ended;
  }

  void Space() {
    while (at_ < text_.size() && IsSpace(text_[at_])) {
      ++at_;
    }
  }

  bool Close() {
    Space();
    trim_next_ = text_.substr(at_).starts_with("-}}");
    if (!trim_next_ && !text_.substr(at_).starts_with("}}")) {
      Fail(at_ >= text_.size() ? "unclosed {{"
                               : fmt::format("unexpected \"{}\" in {{{{ }}}}", text_[at_]));
      return false;
    }
    at_ += trim_next_ ? 3 : 2;
    return true;
  }

  std::string PeekWord() {
    Space();
    std::size_t end = at_;
    while (end < text_.size() && IsWord(text_[end])) {
      ++end;
    }
    return std::string(text_.substr(at_, end - at_));
  }

  void Comment() {
    const std::size_t end = text_.find("*/", at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 2;
    Close();
  }

  std::string Action(Node& out, int depth) {
    Space();
    if (text_.substr(at_).starts_with("/*")) {
      Comment();
      return "";
    }
    std::string word = PeekWord();
    if (word == "end") {
      at_ += word.size();
      Close();
      return word;
    }
    if (word == "else") {
      at_ += word.size();
      const auto next = PeekWord();
      if (next == "if" || next == "with") {
        at_ += next.size();
        return "else " + next;
      }
      Close();
      return word;
    }
    if (word == "if" || word == "with" || word == "range") {
      at_ += word.size();
      Block(out, word, depth);
      return "";
    }
    if (word == "break" || word == "continue") {
      at_ += word.size();
      Jump(out, word);
      return "";
    }
    for (const char* other : {"template", "define", "block"}) {
      if (word == other) {
        Fail("{{ " + word + " }} is not supported");
        return "";
      }
    }
    Node node;
    node.kind = Kind::kPrint;
    node.pipe = Pipe(depth, true);
    if (Close()) {
      out.parts.push_back(std::move(node));
    }
    return "";
  }

  void Jump(Node& out, const std::string& word) {
    Node node;
    node.kind = word == "break" ? Kind::kBreak : Kind::kContinue;
    if (ranges_ == 0) {
      Fail("{{" + word + "}} outside {{range}}");
    }
    if (Close()) {
      out.parts.push_back(std::move(node));
    }
  }

  /// if, with and range, from the pipeline to their end.
  void Block(Node& out, const std::string& word, int depth) {
    const auto variables = variables_.size();
    Node node;
    node.kind = word == "if" ? Kind::kIf : word == "with" ? Kind::kWith : Kind::kRange;
    node.pipe = Pipe(depth, true, word == "range");
    node.parts.resize(2);
    if (!Close()) {
      return;
    }
    ranges_ += word == "range" ? 1 : 0;
    std::string ended = List(node.parts[0], depth + 1);
    ranges_ -= word == "range" ? 1 : 0;
    if (ended == "else " + word && word != "range") {
      Block(node.parts[1], word, depth + 1);
    } else {
      if (ended == "else") {
        ended = List(node.parts[1], depth + 1);
      }
      if (ended != "end") {
        Fail("{{ " + word + " }} without {{ end }}");
      }
    }
    variables_.resize(variables);
    out.parts.push_back(std::move(node));
  }

  /// `$x := `, `$x = `, and for range `$i, $x := `.
  void Declaration(TemplatePipe& pipe, bool range) {
    Space();
    const auto begin = at_;
    std::vector<std::string> names;
    while (Here() == '$' && names.size() < (range ? 2U : 1U)) {
      std::size_t end = at_ + 1;
      while (end < text_.size() && IsWord(text_[end])) {
        ++end;
      }
      names.emplace_back(text_.substr(at_, end - at_));
      at_ = end;
      Space();
      if (Here() == ',' && range) {
        ++at_;
        Space();
      }
    }
    const bool sets = text_.substr(at_).starts_with(":=");
    const bool changes = !sets && Here() == '=';
    if (names.empty() || (!sets && !changes)) {
      at_ = begin;
      return;
    }
    at_ += sets ? 2 : 1;
    pipe.silent = true;
    for (const auto& name : names) {
      declared_.emplace_back(sets ? name : "", sets ? 0 : Variable(name));
    }
  }

  [[nodiscard]] std::size_t Variable(const std::string& name) {
    const auto at = std::find(variables_.rbegin(), variables_.rend(), name);
    if (at == variables_.rend()) {
      Fail(fmt::format("undefined variable \"{}\"", name));
      return 0;
    }
    return static_cast<std::size_t>(variables_.rend() - at) - 1;
  }

  TemplatePipe Pipe(int depth, bool declares, bool range = false) {
    TemplatePipe pipe;
    if (depth > kMaxDepth) {
      Fail("nested too deeply");
      return pipe;
    }
    declared_.clear();
    if (declares) {
      Declaration(pipe, range);
    }
    const auto declared = std::exchange(declared_, {});
    do {
      pipe.commands.push_back(Command(depth, !pipe.commands.empty()));
      Space();
    } while (More() && Here() == '|' && ++at_ > 0);
    for (const auto& [name, place] : declared) {  // known only behind the pipeline
      pipe.sets.push_back(name.empty() ? place : variables_.size());
      if (!name.empty()) {
        variables_.push_back(name);
      }
    }
    return pipe;
  }

  const TemplateEntry* Function(const std::string& word) {
    const auto* found = FindTemplateFunction(word);
    if (found == nullptr) {
      const std::string near = base::Nearest(word, TemplateFunctionNames());
      Fail(fmt::format("function \"{}\" not defined{}", word,
                       near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near)));
    }
    return found;
  }

  [[nodiscard]] static bool IsCall(const std::string& word) {
    return !word.empty() && std::isalpha(static_cast<unsigned char>(word[0])) != 0 &&
           word != "true" && word != "false" && word != "nil";
  }

  TemplateCommand Command(int depth, bool piped) {
    TemplateCommand out;
    const std::string word = PeekWord();
    if (!IsCall(word)) {
      if (piped) {
        Fail("a function must stand behind |");
      }
      out.operands.push_back(One(depth));
      return out;
    }
    out.function = Function(word);
    if (out.function == nullptr) {
      return out;
    }
    at_ += word.size();
    Space();
    while (More() && std::string_view("|)}").find(Here()) == std::string_view::npos &&
           !text_.substr(at_).starts_with("-}}")) {
      out.operands.push_back(One(depth));
      Space();
    }
    const int count = static_cast<int>(out.operands.size()) + (piped ? 1 : 0);
    const auto& f = *out.function;
    if (error.empty() && (count < f.min || (f.max >= 0 && count > f.max))) {
      Fail(fmt::format("wrong number of args for {}: want {}{} got {}", word,
                       f.max < 0 ? "at least " : "", f.min, count));
    }
    return out;
  }

  Operand One(int depth) {
    Space();
    Operand out;
    const char c = Here();
    if (c == '(') {
      ++at_;
      out.kind = Operand::Kind::kPipe;
      out.pipe = std::make_shared<TemplatePipe>(Pipe(depth + 1, false));
      Space();
      if (Here() != ')') {
        Fail("unclosed left paren");
        return out;
      }
      ++at_;
    } else if (c == '"' || c == '`') {
      Quoted(out);
    } else if (c == '$') {
      std::size_t end = at_ + 1;
      while (end < text_.size() && IsWord(text_[end])) {
        ++end;
      }
      out.kind = Operand::Kind::kVariable;
      out.variable = Variable(std::string(text_.substr(at_, end - at_)));
      at_ = end;
    } else if (c == '.') {
      if (at_ + 1 >= text_.size() || !IsWord(text_[at_ + 1])) {
        ++at_;
        return out;
      }
    } else if (const auto word = PeekWord(); IsCall(word)) {
      out.kind = Operand::Kind::kCall;
      out.function = Function(word);
      at_ += word.size();
      if (out.function != nullptr && out.function->min > 0) {
        Fail(fmt::format("wrong number of args for {}: want {} got 0", word, out.function->min));
      }
    } else {
      Literal(out);
      return out;
    }
    Fields(out);
    return out;
  }

  void Fields(Operand& out) {
    while (Here() == '.' && at_ + 1 < text_.size() && IsWord(text_[at_ + 1])) {
      ++at_;
      std::size_t end = at_;
      while (end < text_.size() && IsWord(text_[end])) {
        ++end;
      }
      out.fields.emplace_back(text_.substr(at_, end - at_));
      at_ = end;
    }
  }

  void Quoted(Operand& out) {
    const char quote = text_[at_];
    std::size_t end = at_ + 1;
    std::string value;
    while (end < text_.size() && text_[end] != quote) {
      if (quote == '"' && text_[end] == '\\' && end + 1 < text_.size()) {
        const char c = text_[++end];
        value += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      } else {
        value += text_[end];
      }
      ++end;
    }
    if (end >= text_.size()) {
      Fail("unterminated quoted string");
    }
    at_ = std::min(end + 1, text_.size());
    out.kind = Operand::Kind::kLiteral;
    out.literal = std::move(value);
  }

  void Literal(Operand& out) {
    out.kind = Operand::Kind::kLiteral;
    std::size_t end = at_;
    while (end < text_.size() && (IsWord(text_[end]) || text_[end] == '.' ||
                                  (end == at_ && (text_[end] == '-' || text_[end] == '+')))) {
      ++end;
    }
    const std::string word(text_.substr(at_, end - at_));
    if (word == "true" || word == "false") {
      out.literal = word == "true";
    } else if (const auto number = promql::ParseFloat(word)) {
      const bool integer =
          word.find_first_not_of("+-0123456789") == std::string::npos && word.size() < 18;
      out.literal =
          integer ? TemplateValue(static_cast<std::int64_t>(*number)) : TemplateValue(*number);
    } else {
      Fail(word.empty() ? (at_ >= text_.size() ? "unclosed {{" : "missing value in {{ }}")
                        : "unexpected \"" + word + "\"");
    }
    at_ = end;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool trim_next_ = false;
  int ranges_ = 0;  ///< around here
  /// Those that every template has come first; see Template::Expand.
  std::vector<std::string> variables_ = {"$", "$labels", "$externalLabels", "$externalURL",
                                         "$value"};
  std::vector<std::pair<std::string, std::size_t>> declared_;
};

}  // namespace

std::shared_ptr<const Template::Node> ReadTemplate(std::string_view text, std::string* error,
                                                   std::size_t* offset) {
  Reader reader(text);
  auto root = std::make_shared<Template::Node>(reader.Whole());
  *error = reader.error;
  *offset = reader.offset;
  return reader.error.empty() ? root : nullptr;
}

}  // namespace rule
