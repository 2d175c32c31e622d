// Template: the texts of labels and annotations with {{ … }} in them, in Prometheus's template
// language.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/labels.h"

namespace rule {

/// A template, read once and filled in often. Knows text, {{ pipelines }} with `|`, parentheses,
/// string and number literals, $labels.NAME, $value, .Labels.NAME, .Value, trim marks {{- -}},
/// comments, {{ if }} … {{ else if }} … {{ else }} … {{ end }}, and the functions humanize,
/// humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp, title, toUpper, toLower,
/// printf, print, reReplaceAll, match, stripPort, stripDomain, parseDuration, eq, ne, lt, le, gt,
/// ge, and, or, not, len. Source: prometheus 2.42, configuration/template_reference.
class Template {
 public:
  /// Reads a template. Errors: kInvalid with what is wrong, an unknown function among them; the
  /// offset of the mistake comes in `offset` (bytes; may be nullptr).
  static base::Result<Template> Parse(std::string_view text, std::size_t* offset = nullptr);
  /// A text that is no template.
  static Template Literal(std::string text);
  /// Fills it in. Errors: kInvalid when a function cannot work on what it is given.
  [[nodiscard]] base::Result<std::string> Expand(const model::Labels& labels, double value) const;
  [[nodiscard]] const std::string& text() const { return text_; }

  struct Node;

 private:
  std::string text_;
  std::shared_ptr<const Node> root_;
};

}  // namespace rule
