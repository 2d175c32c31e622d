// Template: the texts of labels and annotations with {{ … }} in them, in Prometheus's template
// language.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/labels.h"

namespace rule {

/// What templates may tell beside the alert: $externalLabels, $externalURL.
struct Surroundings {
  model::Labels labels;
  std::string url;  ///< how people reach the page; "" = not known
  bool operator==(const Surroundings&) const = default;
};

/// How a template asks (`query`): the series of an expression with their values.
using TemplateQuery =
    std::function<base::Result<std::vector<std::pair<model::Labels, double>>>(const std::string&)>;

/// What one template is filled in with. Everything but the labels may be nullptr.
struct TemplateScope {
  const model::Labels* labels = nullptr;
  double value = 0;
  const Surroundings* surroundings = nullptr;
  const TemplateQuery* query = nullptr;
};

/// A template, read once and filled in often: Go's text/template with Prometheus's variables and
/// functions. Actions: pipelines with `|` and parentheses, `if`, `else if`, `else`, `with`, `range`
/// (over query results, labels and args), `break`, `continue`, variables, trim marks, comments.
/// Not there: `define`, `template`, `block`, methods. docs/rules.md has the functions. Source:
/// prometheus 2.42, configuration/template_reference.
class Template {
 public:
  /// Reads a template. Errors: kInvalid with what is wrong, an unknown function among them; the
  /// offset of the mistake comes in `offset` (bytes; may be nullptr).
  static base::Result<Template> Parse(std::string_view text, std::size_t* offset = nullptr);
  /// A text that is no template.
  static Template Literal(std::string text);
  /// Fills it in. Errors: kInvalid when a function cannot work on what it is given, kRefused when
  /// the text grows beyond 256 KiB.
  [[nodiscard]] base::Result<std::string> Expand(const TemplateScope& scope) const;
  [[nodiscard]] base::Result<std::string> Expand(const model::Labels& labels, double value) const {
    return Expand({.labels = &labels, .value = value});
  }
  [[nodiscard]] const std::string& text() const { return text_; }

  struct Node;

 private:
  std::string text_;
  std::shared_ptr<const Node> root_;
};

}  // namespace rule
