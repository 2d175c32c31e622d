// Reading and filling in of templates.
#include "rule/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "promql/number.h"
#include "rule/template_value.h"

namespace rule {

/// A piece of a template: a text, a call, an operand, an if, or a list of pieces.
struct Template::Node {
  enum class Kind { kList, kText, kLiteral, kLabel, kValue, kCall, kIf };
  Kind kind = Kind::kList;
  std::string text;       ///< kText, kLabel (the label's name)
  TemplateValue literal;  ///< kLiteral
  const TemplateEntry* function = nullptr;
  std::vector<Node> parts;  ///< list, arguments; kIf: condition, then, else
};

namespace {

using Node = Template::Node;
using Kind = Node::Kind;

constexpr int kMaxDepth = 50;

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Reads one template; the first mistake stays in `error`.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<Node> Whole() {
    Node root;
    std::string ended = List(root, 0);
    if (error.empty() && !ended.empty()) {
      Fail("unexpected {{" + ended + "}}");
    }
    return error.empty() ? std::optional(std::move(root)) : std::nullopt;
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

  /// Reads pieces until the end of the text or an {{ end }} or {{ else … }}, which it gives back.
  std::string List(Node& out, int depth) {
    if (depth > kMaxDepth) {
      Fail("nested too deeply");
      return "";
    }
    while (error.empty() && at_ < text_.size()) {
      const std::size_t open = text_.find("{{", at_);
      std::string_view plain = text_.substr(at_, open - at_);
      if (trim_next_) {
        while (!plain.empty() && std::isspace(static_cast<unsigned char>(plain.front())) != 0) {
          plain.remove_prefix(1);
        }
      }
      const bool trim = open != std::string_view::npos && text_.substr(open).starts_with("{{-");
      if (trim) {
        while (!plain.empty() && std::isspace(static_cast<unsigned char>(plain.back())) != 0) {
          plain.remove_suffix(1);
        }
      }
      if (!plain.empty()) {
        Node node;
        node.kind = Kind::kText;
        node.text = plain;
        out.parts.push_back(std::move(node));
      }
      if (open == std::string_view::npos) {
        at_ = text_.size();
        break;
      }
      at_ = open + (trim ? 3 : 2);
      std::string ended = Action(out, depth);
      if (!ended.empty()) {
        return ended;
      }
    }
    return "";
  }

  void Space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
      ++at_;
    }
  }

  bool Close() {
    Space();
    trim_next_ = text_.substr(at_).starts_with("-}}");
    if (!trim_next_ && !text_.substr(at_).starts_with("}}")) {
      Fail(at_ >= text_.size() ? "unclosed {{"
                               : "unexpected \"" + std::string(1, text_[at_]) + "\" in {{ }}");
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

  std::string Action(Node& out, int depth) {
    Space();
    if (text_.substr(at_).starts_with("/*")) {
      const std::size_t end = text_.find("*/", at_);
      at_ = end == std::string_view::npos ? text_.size() : end + 2;
      Close();
      return "";
    }
    const std::string word = PeekWord();
    if (word == "end") {
      at_ += word.size();
      Close();
      return "end";
    }
    if (word == "else") {
      at_ += word.size();
      if (PeekWord() == "if") {
        at_ += 2;
        return "else if";
      }
      Close();
      return "else";
    }
    if (word == "if") {
      at_ += word.size();
      If(out, depth);
      return "";
    }
    for (const char* other :
         {"range", "with", "template", "define", "block", "break", "continue"}) {
      if (word == other) {
        Fail("{{ " + word + " }} is not supported");
        return "";
      }
    }
    Node node = Pipeline(depth);
    if (Close()) {
      out.parts.push_back(std::move(node));
    }
    return "";
  }

  void If(Node& out, int depth) {
    Node node;
    node.kind = Kind::kIf;
    node.parts.push_back(Pipeline(depth));
    node.parts.resize(3);
    if (!Close()) {
      return;
    }
    std::string ended = List(node.parts[1], depth + 1);
    if (ended == "else if") {
      If(node.parts[2], depth + 1);
    } else if (ended == "else") {
      ended = List(node.parts[2], depth + 1);
      if (ended != "end") {
        Fail("{{ if }} without {{ end }}");
      }
    } else if (ended != "end") {
      Fail("{{ if }} without {{ end }}");
    }
    out.parts.push_back(std::move(node));
  }

  Node Pipeline(int depth) {
    if (depth > kMaxDepth) {
      Fail("nested too deeply");
      return {};
    }
    Node left = Command(depth, nullptr);
    Space();
    while (error.empty() && at_ < text_.size() && text_[at_] == '|') {
      ++at_;
      left = Command(depth, &left);
      Space();
    }
    return left;
  }

  /// A function with its arguments (the pipe's value is the last one) or one operand.
  Node Command(int depth, Node* piped) {
    const std::string word = PeekWord();
    const bool call = !word.empty() && std::isalpha(static_cast<unsigned char>(word[0])) != 0 &&
                      word != "true" && word != "false";
    if (!call) {
      if (piped != nullptr) {
        Fail("a function must stand behind |");
      }
      return Operand(depth);
    }
    Node node;
    node.kind = Kind::kCall;
    node.function = FindTemplateFunction(word);
    if (node.function == nullptr) {
      const std::string near = base::Nearest(word, TemplateFunctionNames());
      Fail(fmt::format("function \"{}\" not defined{}", word,
                       near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near)));
      return node;
    }
    at_ += word.size();
    Space();
    while (error.empty() && at_ < text_.size() &&
           std::string_view("|)}-").find(text_[at_]) == std::string_view::npos) {
      node.parts.push_back(Operand(depth));
      Space();
    }
    if (piped != nullptr) {
      node.parts.push_back(std::move(*piped));
    }
    const int count = static_cast<int>(node.parts.size());
    if (error.empty() &&
        (count < node.function->min || (node.function->max >= 0 && count > node.function->max))) {
      Fail(fmt::format("wrong number of arguments for {}: want {}{}, got {}", word,
                       node.function->max < 0 ? "at least " : "", node.function->min, count));
    }
    return node;
  }

  Node Operand(int depth) {
    Space();
    Node node;
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with('(')) {
      ++at_;
      node = Pipeline(depth + 1);
      Space();
      if (at_ >= text_.size() || text_[at_] != ')') {
        Fail("unclosed (");
        return node;
      }
      ++at_;
      return node;
    }
    if (rest.starts_with('"') || rest.starts_with('`')) {
      return Quoted();
    }
    if (rest.starts_with('$') || rest.starts_with('.')) {
      return Variable();
    }
    return Literal();
  }

  Node Quoted() {
    const char quote = text_[at_];
    std::size_t end = at_ + 1;
    std::string out;
    while (end < text_.size() && text_[end] != quote) {
      if (quote == '"' && text_[end] == '\\' && end + 1 < text_.size()) {
        ++end;
        const char c = text_[end];
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
      } else {
        out += text_[end];
      }
      ++end;
    }
    if (end >= text_.size()) {
      Fail("unterminated quoted string");
    }
    at_ = std::min(end + 1, text_.size());
    Node node;
    node.kind = Kind::kLiteral;
    node.literal = std::move(out);
    return node;
  }

  Node Variable() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && (IsWord(text_[end]) || text_[end] == '.')) {
      ++end;
    }
    const std::string_view name = text_.substr(at_, end - at_);
    Node node;
    if (name == "$value" || name == ".Value") {
      node.kind = Kind::kValue;
    } else if (name.starts_with("$labels.") || name.starts_with(".Labels.")) {
      node.kind = Kind::kLabel;
      node.text = name.substr(8);
      if (!model::IsLabelName(node.text)) {
        Fail("\"" + node.text + "\" is not a label name");
      }
    } else if (name == "$externalURL" || name == ".ExternalURL" ||
               name.starts_with("$externalLabels.") || name.starts_with(".ExternalLabels.")) {
      node.kind = Kind::kLiteral;
      node.literal = std::string();
    } else {
      Fail(fmt::format("undefined variable \"{}\"", name));
    }
    at_ = end;
    return node;
  }

  Node Literal() {
    Node node;
    node.kind = Kind::kLiteral;
    std::size_t end = at_;
    while (end < text_.size() && (IsWord(text_[end]) || text_[end] == '.' ||
                                  (end == at_ && (text_[end] == '-' || text_[end] == '+')))) {
      ++end;
    }
    const std::string word(text_.substr(at_, end - at_));
    if (word == "true" || word == "false") {
      node.literal = word == "true";
    } else if (const auto number = promql::ParseFloat(word)) {
      const bool integer =
          word.find_first_not_of("+-0123456789") == std::string::npos && word.size() < 18;
      node.literal =
          integer ? TemplateValue(static_cast<std::int64_t>(*number)) : TemplateValue(*number);
    } else {
      Fail(word.empty() ? (at_ >= text_.size() ? "unclosed {{" : "missing value in {{ }}")
                        : "unexpected \"" + word + "\"");
    }
    at_ = end;
    return node;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool trim_next_ = false;
};

base::Result<TemplateValue> Worth(const Node& node, const model::Labels& labels, double value) {
  switch (node.kind) {
    case Kind::kLabel:
      return TemplateValue(std::string(labels.Get(node.text)));
    case Kind::kValue:
      return TemplateValue(value);
    case Kind::kCall: {
      std::vector<TemplateValue> args;
      for (const Node& part : node.parts) {
        auto arg = Worth(part, labels, value);
        if (!arg) {
          return arg;
        }
        args.push_back(std::move(*arg));
      }
      auto out = node.function->function(args);
      return out ? out
                 : base::Fail(out.error().In(fmt::format("error calling {}", node.function->name)));
    }
    default:
      return node.literal;
  }
}

base::Result<> Fill(const Node& node, const model::Labels& labels, double value, std::string& out) {
  for (const Node& part : node.parts) {
    if (part.kind == Kind::kText) {
      out += part.text;
      continue;
    }
    const auto worth = Worth(part.kind == Kind::kIf ? part.parts[0] : part, labels, value);
    if (!worth) {
      return base::Fail(worth.error());
    }
    if (part.kind != Kind::kIf) {
      out += Print(*worth);
    } else if (auto filled = Fill(part.parts[Truth(*worth) ? 1 : 2], labels, value, out); !filled) {
      return filled;
    }
  }
  return {};
}

}  // namespace

base::Result<Template> Template::Parse(std::string_view text, std::size_t* offset) {
  Reader reader(text);
  auto root = reader.Whole();
  if (!root) {
    if (offset != nullptr) {
      *offset = reader.offset;
    }
    return base::Fail(base::ErrorKind::kInvalid, reader.error);
  }
  Template out;
  out.text_ = text;
  out.root_ = std::make_shared<Node>(std::move(*root));
  return out;
}

Template Template::Literal(std::string text) {
  auto root = std::make_shared<Node>();
  if (!text.empty()) {
    root->parts.resize(1);
    root->parts[0].kind = Kind::kText;
    root->parts[0].text = text;
  }
  Template out;
  out.text_ = std::move(text);
  out.root_ = std::move(root);
  return out;
}

base::Result<std::string> Template::Expand(const model::Labels& labels, double value) const {
  std::string out;
  if (root_) {
    if (auto filled = Fill(*root_, labels, value, out); !filled) {
      return base::Fail(filled.error());
    }
  }
  return out;
}

}  // namespace rule
