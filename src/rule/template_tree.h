// The tree of a template. Inside the room only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rule/template_value.h"

namespace rule {

struct TemplatePipe;

/// One word of a command, with the fields behind it: `$labels.ip`, `.Value`, `"text"`,
/// `(…).Labels`.
struct TemplateOperand {
  enum class Kind { kDot, kVariable, kLiteral, kCall, kPipe };
  Kind kind = Kind::kDot;
  std::size_t variable = 0;                 ///< kVariable: its place on the stack
  TemplateValue literal;                    ///< kLiteral
  const TemplateEntry* function = nullptr;  ///< kCall, a function without arguments
  std::shared_ptr<TemplatePipe> pipe;       ///< kPipe
  std::vector<std::string> fields;
};

/// A function with its arguments, or one operand.
struct TemplateCommand {
  const TemplateEntry* function = nullptr;
  std::vector<TemplateOperand> operands;
};

/// Commands, each given what the one before it gave as its last argument.
struct TemplatePipe {
  std::vector<TemplateCommand> commands;
  std::vector<std::size_t> sets;  ///< variables that take its value; for range: key and element
  bool silent = false;            ///< it sets a variable and prints nothing
};

struct Template::Node {
  enum class Kind { kList, kText, kPrint, kIf, kWith, kRange, kBreak, kContinue };
  Kind kind = Kind::kList;
  std::string text;
  TemplatePipe pipe;
  std::vector<Node> parts;  ///< kList; kIf, kWith, kRange: then, else
};

/// Reads a template; on a mistake gives nullptr and fills `error` and `offset`.
std::shared_ptr<const Template::Node> ReadTemplate(std::string_view text, std::string* error,
                                                   std::size_t* offset);

}  // namespace rule
